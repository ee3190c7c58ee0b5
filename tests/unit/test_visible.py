"""What a hostile host says never steers the operator's terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.live import Live
from rich.table import Table
from rich.text import Text

from staithe.change import change
from staithe.cli.app import print_error
from staithe.errors import StaitheError
from staithe.events import Command, ErrorReport, HostDone, HostSummary, Problem
from staithe.report.console import SafeConsole
from staithe.report.plan import print_plan
from staithe.report.status import print_status
from staithe.report.terminal import print_host_error, print_problems, print_summary
from staithe.result import HostResult, RunResult
from staithe.runs import RunDirectory, host_log
from staithe.visible import visible

_EVIL = "a\x1b[2J\x1b]0;title\x07\x9b31m\r\x7f\u202ez"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
        ("höchst 一般 \U0001f433", "höchst 一般 \U0001f433"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("\r\x07\x7f", "\\r\\x07\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\udcff", "a\\udcff"),
    ],
)
def test_steering_characters_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def _result() -> RunResult:
    changes = [
        change("daemon", "update", "/etc/docker/daemon.json", _EVIL, before=f"{_EVIL}\n", after="{}\n"),
        change("kernel", "set", "vm.max_map_count", "value differs", before=_EVIL, after="1"),
    ]
    summary = HostSummary(os=_EVIL, arch=_EVIL, engine_version=_EVIL, storage_driver=_EVIL, cgroup=_EVIL)
    host = HostResult(host="h1", outcome="failed", summary=summary, changes=changes)
    return RunResult(run_id="r", mode="apply", hosts=[host])


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_of_a_host_reaches_the_terminal_as_it_is(is_terminal: bool) -> None:
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=is_terminal, color_system=None, highlight=False, width=200)
    print_plan(console, _result().hosts, diffs="all")
    print_status(console, _result())
    print_summary(console, _result())
    error = ErrorReport(code="E207", exit_code=1, message=_EVIL, hint=_EVIL)
    print_host_error(console, "h1", error)
    print_problems(console, "h1", [Problem(code="E301", message="m", found=_EVIL, expected="e", hint=_EVIL)])
    grid = Table.grid()
    grid.add_row(Text(_EVIL))
    console.print(grid)
    assert set(out.getvalue()) & set(_EVIL) <= set("a[2J]0;title31mz")
    assert "\\x1b[2J" in out.getvalue()


def test_the_console_keeps_its_own_cursor_moves_and_styles() -> None:
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=True, color_system="standard", width=80)
    with Live(Text("at work"), console=console, transient=True):
        pass
    console.print("[bold]strong[/]")
    assert "\x1b[?25l" in out.getvalue()
    assert "\x1b[1mstrong" in out.getvalue()


def test_a_hosts_log_can_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAITHE_RUNS", str(tmp_path))
    run = RunDirectory()
    run.write(Command(host="h1", what="w", command="c", exit_code=1, seconds=0.1, output=_EVIL))
    run.write(HostDone(host="h1", outcome="failed", seconds=0.1))
    run.close("{}")
    text = host_log(run.path, "h1")
    assert "\\x1b[2J" in text
    assert not set(text) & set("\x1b\x07\x9b\r\x7f\u202e")


def test_an_error_that_ends_the_run_is_shown_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(StaitheError(_EVIL, hint=_EVIL))
    assert "\\x1b[2J" in capsys.readouterr().err
    print_error(StaitheError(_EVIL, hint=_EVIL))
    assert "\x9b" not in capsys.readouterr().err
