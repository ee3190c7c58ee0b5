"""The command line answers at once: nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

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
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """What it takes in time is `make bench`'s to say: a test that counts seconds says how busy the machine is."""
    code = f"""
import sys, staithe.cli.app
sys.argv = ["staithe", *{arguments}]
try:
    staithe.cli.app.main()
except SystemExit:
    pass
print([name for name in {_HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
