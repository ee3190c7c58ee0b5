"""The Makefile: what a stranger types first."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.lab.thorough import ALWAYS

ROOT = Path(__file__).parents[2]


def _make(*arguments: str) -> str:
    # The tests themselves may run below a make.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def test_make_alone_lists_every_target_with_a_word_on_each() -> None:
    listed = set(re.findall(r"^ {2}make ([a-z-]+) +\S", _make(), re.MULTILINE))
    assert {
        "demo",
        "demo-clean",
        "test",
        "check",
        "lock",
        "help",
        "docs",
        "setup",
        "lab",
        "bench",
        "test-thorough",
    } == listed


def test_ci_runs_exactly_make_test() -> None:
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "exec make test </dev/null"
    assert [line for line in lines if "make" in line and not line.startswith("#")] == [lines[-1]]


def test_everything_is_tested_last() -> None:
    """All tests run, in two parts that leave out only what is listed, and pytest's closing line is the last one."""
    commands = [
        line for line in _make("-n", "--always-make", "test").splitlines() if not line.lstrip().startswith("#")
    ]
    runs = [line.lstrip("@").strip() for line in commands[-2:]]
    assert runs == [
        '.venv/bin/pytest -m "not lab" -n 2',
        '.venv/bin/pytest -m "lab and not thorough" -n 2 --dist loadfile --durations=15',
    ]


def test_dependencies_are_installed_by_hash() -> None:
    commands = _make("-n", "--always-make", "setup")
    assert "--require-hashes -r requirements.lock" in commands
    assert "--no-deps --no-build-isolation -e ." in commands
    assert "http" not in commands


def test_what_is_part_of_every_run_exists() -> None:
    """A test that was renamed would silently be left to `make test-thorough`."""
    for file, names in ALWAYS.items():
        text = (ROOT / f"tests/lab/{file}.py").read_text(encoding="utf-8")
        for name in names:
            assert f"def {name.partition('[')[0]}(" in text, f"{file}: {name}"
