from __future__ import annotations

import pytest

from staithe.sourcing.version_range import VersionRange

OFFERED = ["20.10.24", "27.9.1", "28.0.0", "28.5.1", "28.5.2", "28.10.0", "29.0.0", "29.0.1-rc.1", "nonsense"]


@pytest.mark.parametrize(
    "text, newest",
    [
        ("28.5.1", "28.5.1"),
        ("28.5", "28.5.2"),
        ("28", "28.10.0"),
        (">=28.3, <29", "28.10.0"),
        (">=28", "29.0.0"),
        ("<28", "27.9.1"),
        ("<=28", "28.0.0"),
        (">28.5.1,<=28.5.2", "28.5.2"),
        ("30", None),
        ("29.0.1", None),
    ],
)
def test_the_newest_inside_is_chosen(text: str, newest: str | None) -> None:
    assert VersionRange.parse(text).newest(OFFERED) == newest


@pytest.mark.parametrize("text", ["", "latest", "28.x", ">=28;<29", "28.5.2.1", "=>28", ">=28,", "28 29", "٢٨"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no range"):
        VersionRange.parse(text)


def test_only_a_whole_version_is_exact() -> None:
    assert VersionRange.parse("28.5.2").exact == "28.5.2"
    assert [VersionRange.parse(text).exact for text in ("28.5", ">=28.5.2", "28.5.2,<29")] == [None] * 3
