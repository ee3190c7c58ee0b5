"""Names of packages, as dnf and modules write them."""

from __future__ import annotations

import pytest

from staithe.rpm.nevra import Nevra


@pytest.mark.parametrize(
    ("text", "nevra", "evr"),
    [
        ("docker-ce-3:28.5.2-1.el9.x86_64", Nevra("docker-ce", 3, "28.5.2", "1.el9", "x86_64"), "3:28.5.2-1.el9"),
        ("a-b-c-1-2.noarch", Nevra("a-b-c", 0, "1", "2", "noarch"), "1-2"),
        ("gcc-c++-0:2~rc1^git-1.i686", Nevra("gcc-c++", 0, "2~rc1^git", "1", "i686"), "2~rc1^git-1"),
    ],
)
def test_a_name_is_read_and_written(text: str, nevra: Nevra, evr: str) -> None:
    assert Nevra.parse(text) == nevra and nevra.evr == evr
    assert Nevra.parse(str(nevra)) == nevra


@pytest.mark.parametrize(
    "text", ["", "bash", "bash-5", "bash-5-1", "bash-x:5-1.x86_64", "../a-1-1.x86_64", "a b-1-1.x"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"NAME-\[EPOCH:\]"):
        Nevra.parse(text)
