"""The fleet in one table."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from staithe.result import HostResult, RunResult

_HEALTH = {"healthy": "green", "stopped": "yellow", "not installed": "dim", "unhealthy": "bold red"}


def print_status(console: Console, result: RunResult) -> None:
    """Print one row for each host."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("host", "engine", "origin", "storage", "cgroup", "health", "drift"):
        # What does not fit is broken between the words of the last column, never inside a name.
        table.add_column(column, no_wrap=column != "drift", overflow="fold")
    for host in result.hosts:
        table.add_row(*_row(host))
    console.print(table)


def _row(host: HostResult) -> tuple[str, ...]:
    summary = host.summary
    if summary is None:
        error = host.error.message.splitlines()[0] if host.error else "not asked"
        return (escape(host.host), "", "", "", "", "[bold red]unknown[/]", escape(error))
    health = f"[{_HEALTH[summary.health]}]{summary.health}[/]"
    return (
        escape(host.host),
        summary.engine_version or "-",
        summary.engine_origin,
        summary.storage_driver or "-",
        summary.cgroup or "-",
        health,
        _drift(host),
    )


def _drift(host: HostResult) -> str:
    if host.problems:
        return f"[yellow]refused: {', '.join(problem.code for problem in host.problems)}[/]"
    parts = sorted({change.component for change in host.changes}, key=[c.component for c in host.changes].index)
    return f"[yellow]{', '.join(parts)}[/]" if parts else "[green]none[/]"
