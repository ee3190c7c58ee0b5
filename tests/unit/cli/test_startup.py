"""The command line answers at once: nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

_HEAVY = ("pyinfra", "pyinfra_cli", "gevent", "pydantic", "paramiko", "jinja2", "rich", "cryptography")


def test_the_app_imports_nothing_heavy() -> None:
    code = f"import sys, staithe.cli.app; print([name for name in {_HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_this_check_sees_a_heavy_import() -> None:
    code = f"import sys, staithe.config.root; print([name for name in {_HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pydantic" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_answers_in_time(arguments: list[str]) -> None:
    command = [str(Path(sys.executable).with_name("staithe")), *arguments]
    best = min(_seconds(command) for _ in range(5))
    bare = min(_seconds([sys.executable, "-c", "import typing, inspect, json"]) for _ in range(5))
    # Relative to what Python alone needs, so that a slow machine does not fail.
    assert best < max(0.15, 5 * bare)


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - start
