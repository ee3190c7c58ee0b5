"""Modules that are loaded when they are used; each case in a process of its own, for modules stay loaded."""

from __future__ import annotations

import subprocess
import sys

_BEFORE = "import sys; from staithe.runner.late_module import put_off; put_off('invoke'); import paramiko; "


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_is_not_loaded_when_it_is_imported() -> None:
    assert _run(_BEFORE + "print('invoke.tasks' in sys.modules)") == "False"
    assert _run("import sys, paramiko; print('invoke.tasks' in sys.modules)") == "True"


def test_what_needs_it_gets_it() -> None:
    """A `Match exec` in ssh_config is the one thing that paramiko has it for."""
    config = "paramiko.SSHConfig.from_text('Match exec true\\n  User x\\n')"
    assert _run(_BEFORE + f"print({config}.lookup('h')['user'], 'invoke.tasks' in sys.modules)") == "x True"


def test_its_parts_can_be_imported() -> None:
    assert _run(_BEFORE + "import invoke.tasks; print(invoke.tasks.task.__name__)") == "task"


def test_a_module_that_is_not_there_stays_away() -> None:
    assert _run("from staithe.runner.late_module import put_off; put_off('no_such_module')") == ""
    code = "from staithe.runner.late_module import put_off; put_off('no_such_module')\ntry:\n import no_such_module\n"
    assert _run(code + "except ImportError: print('absent')") == "absent"
