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


_STOOD_IN = """
import sys
from staithe.runner.late_module import stand_ins
with stand_ins('jinja2'):
    import pyinfra.api.util
"""


def test_names_taken_from_it_do_not_load_it() -> None:
    assert _run(_STOOD_IN + "print('jinja2' in sys.modules)") == "False"
    assert _run("import sys, pyinfra.api.util; print('jinja2' in sys.modules)") == "True"


def test_stand_ins_are_replaced_by_the_first_call() -> None:
    render = "import io; print(pyinfra.api.util.get_template(io.StringIO('{{ b }}')).render(b=3))\n"
    same = "import jinja2; print(pyinfra.api.util.StrictUndefined is jinja2.StrictUndefined)"
    assert _run(_STOOD_IN + render + same) == "3\nTrue"


def test_whoever_asks_later_gets_the_real_ones() -> None:
    """An inventory may derive a class of its own."""
    code = "from jinja2 import Environment\nclass Mine(Environment): pass\nprint(Mine().from_string('x').render())"
    assert _run(_STOOD_IN + code) == "x"


def test_the_runner_does_without_them() -> None:
    late = ("asyncio", "jinja2", "typeguard", "packaging.version", "_ssl", "unittest.mock", "invoke.tasks")
    assert _run(f"import sys, staithe.runner.__main__; print([one for one in {late} if one in sys.modules])") == "[]"


def test_tls_is_patched_when_it_is_used() -> None:
    code = "import staithe.runner.__main__, urllib.request, ssl; print(type(ssl.create_default_context()).__module__)"
    assert _run(code) == "gevent.ssl"


def test_what_is_of_no_plain_type_is_still_checked() -> None:
    code = (
        "import staithe.runner.__main__; from staithe.runner.call_stack import lighten; lighten()\n"
        "import pyinfra.connectors.base as base\n"
        "base.raise_if_bad_type('a', str, ValueError, 'x'); base.raise_if_bad_type(1, float, ValueError, 'x')\n"
        "try: base.raise_if_bad_type('22', int, ValueError, 'ssh_port')\n"
        "except ValueError as error: print(error)\n"
    )
    assert _run(code) == "ssh_port: str is not an instance of int"
