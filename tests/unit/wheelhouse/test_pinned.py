"""The list of what staithe is installed from belongs to the project's own lock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from staithe.wheelhouse.pinned import Interpreter, lock_text, read_pinned

ROOT = Path(__file__).parents[3]


def test_versions_and_hashes_are_those_of_requirements_lock() -> None:
    ours = {one.name: one for one in read_pinned(lock_text())}
    text = re.sub(r"^ *#.*\n", "", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    theirs = {one.name: one for one in read_pinned(text)}
    assert len(ours) > 40 and len(theirs) > len(ours)
    assert {name: theirs[name] for name in ours} == ours, "run: make lock"
    assert not {"pytest", "mypy", "uv"} & ours.keys()
    assert {"pyinfra", "pydantic", "solv", "createrepo-c", "gevent"} <= ours.keys()


def test_markers_are_answered_for_the_python_on_site() -> None:
    text = (
        "a==1 ; python_full_version < '3.12' \\\n    --hash=sha256:aa\nb==2 --hash=sha256:bb\n"
        "c==3 ; sys_platform == 'win32' --hash=sha256:cc\nd==4 ; platform_machine == 'aarch64' --hash=sha256:dd\n"
    )

    def names(version: str, arch: str) -> str:
        return "".join(one.name for one in read_pinned(text) if one.is_for(Interpreter(version, arch)))

    assert names("3.11", "x86_64") == "ab"
    assert names("3.13", "x86_64") == "b"
    assert names("3.13", "aarch64") == "bd"


@pytest.mark.parametrize("line", ["a", "a>=1 --hash=sha256:aa", "a==1", "-e .", "a==1 ; x"])
def test_what_is_not_pinned_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no NAME==VERSION"):
        read_pinned(line)


def test_a_line_is_what_pip_reads() -> None:
    (one,) = read_pinned("A_b==1.0 ; sys_platform == 'linux' \\\n  --hash=sha256:bb \\\n  --hash=sha256:aa\n")
    assert one.line == "a-b==1.0 --hash=sha256:aa --hash=sha256:bb"
