"""The generations of hosts on a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from staithe.event_data import Generation
from staithe.result import HostResult
from staithe.visible import visible


def print_history(console: Console, hosts: Sequence[HostResult]) -> None:
    """Print one table for each host, newest first."""
    for host in hosts:
        if host.error is not None:
            continue
        console.print(Text(visible(host.host), style="bold"))
        if not host.generations:
            console.print("  nothing was ever applied here, or by a staithe that kept no history", highlight=False)
            continue
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("", "no.", "applied", "engine", "source", "run"):
            table.add_column(name, no_wrap=True)
        for one in host.generations:
            table.add_row(*(Text(visible(cell)) for cell in _cells(one)), style="bold" if one.current else "")
        console.print(table)


def _cells(one: Generation) -> tuple[str, ...]:
    applied = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.applied_at))
    mark = "now" if one.current else "kept" if one.kept else ""
    number = f"{one.generation} (as {one.same_as})" if one.same_as else str(one.generation)
    return (mark, number, applied, one.engine_version, one.source, one.run_id)
