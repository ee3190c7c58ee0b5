"""A runner that is started before it is needed; real processes, each case in a process of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from staithe.__main__ import _ASKING

_TAKE = """
import os, sys
from pathlib import Path
from staithe import early_runner
{before}
log = Path("runs/runner.log").open("wb")
first, second = early_runner.take(log), early_runner.take(log)
for one in (first, second):
    one.stdin.write(b"no start line\\n")
    one.stdin.close()
    assert one.wait() == 2
log.write(b"and this process\\n")
log.close()
print(Path("runs/runner.log").read_text().count("not a start line"), sorted(os.listdir("runs")))
"""


def _run(folder: Path, code: str) -> str:
    environment = {**os.environ, "STAITHE_RUNS": "runs"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_all_runners_say_is_in_one_log(tmp_path: Path) -> None:
    out = _run(tmp_path, _TAKE.format(before="early_runner.start()"))
    assert out == "2 ['runner.log']"
    assert "and this process" in (tmp_path / "runs" / "runner.log").read_text()


def test_without_an_early_one_it_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    assert _run(tmp_path, _TAKE.format(before="")) == "2 ['runner.log']"


def test_one_that_nobody_takes_ends_and_leaves_nothing(tmp_path: Path) -> None:
    out = _run(
        tmp_path,
        "from staithe import early_runner; early_runner.start(); print(early_runner._waiting[0][0].pid)",
    )
    assert list(tmp_path.iterdir()) == []
    assert not Path(f"/proc/{out}").exists()


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    _run(tmp_path, "from staithe import early_runner; early_runner.start()")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_error_yet(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    out = _run(tmp_path, "from staithe import early_runner; early_runner.start(); print(early_runner._waiting)")
    assert out == "[]"


# Tells whether the command line, given these arguments, began a runner before it loaded typer.
_ENTRY = """
import sys
from staithe import __main__, early_runner
began = []
early_runner.start = lambda: began.append("typer" not in sys.modules)
sys.argv = ["staithe", *{arguments}]
try:
    __main__.main()
except SystemExit:
    pass
print(began, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "began"),
    [
        (["plan"], [True]),
        (["--verbose", "smoke", "x.py"], [True]),
        (["apply", "no-such-file.py", "--what"], [True]),
        (["apply", "--help"], []),
        (["plan", "x.py", "-h"], []),
        (["--help"], []),
        (["explain", "plan"], []),
        ([], []),
    ],
)
def test_a_runner_begins_first_where_hosts_are_asked(tmp_path: Path, arguments: list[str], began: list[bool]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ENTRY.format(arguments=arguments)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == str(began)


def test_the_command_begins_there() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"staithe": "staithe.__main__:main"}


def test_every_command_that_asks_hosts_begins_so() -> None:
    folder = Path(__file__).parents[2] / "staithe" / "cli"
    running = {
        path.stem.replace("_", "-")
        for path in folder.glob("*.py")
        if "staithe.run import Run" in path.read_text("utf-8")
    }
    assert running == set(_ASKING)


def test_nothing_is_loaded_before_it_is_started(tmp_path: Path) -> None:
    out = _run(tmp_path, "import sys\nfrom staithe import early_runner\nprint(sorted(sys.modules))")
    bare = _run(tmp_path, "import sys\nprint(sorted(sys.modules))")
    new = set(ast.literal_eval(out)) - set(ast.literal_eval(bare))
    assert new <= {"staithe", "staithe.early_runner", "__future__", "atexit"}
