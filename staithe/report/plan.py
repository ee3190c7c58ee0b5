"""A plan as a person reads it before touching production."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from staithe.change import Change
from staithe.result import HostResult

_SIGNS = {"create": ("+", "green"), "remove": ("-", "red"), "update": ("~", "yellow"), "set": ("~", "yellow")}
_EFFECTS = {
    "restart": ("restarts the engine", "bold yellow"),
    "reload": ("reloads the engine", "yellow"),
    "start": ("starts the engine", "yellow"),
}
_CONTAINERS = {"kept": "running containers are kept", "restarted": "running containers restart"}
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def print_plan(console: Console, hosts: Sequence[HostResult], *, diffs: bool = True) -> None:
    """Print what would change, hosts with the same plan together, in inventory order."""
    for group in _alike(hosts):
        _print_group(console, group, diffs)
    pending = [host for host in hosts if host.changes]
    same = [host for host in hosts if host.summary and not host.changes and not host.problems and not host.error]
    counts = [f"{len(pending)} to change"] if pending else []
    counts += [f"{len(same)} as described"] if same else []
    console.print(f"[bold]Plan:[/] {', '.join(counts) or 'nothing'}", highlight=False)


def _alike(hosts: Sequence[HostResult]) -> Iterable[list[HostResult]]:
    groups: dict[object, list[HostResult]] = {}
    for host in hosts:
        if host.summary is None or host.problems or host.error:
            continue
        key = tuple(change.model_dump_json() for change in host.changes)
        groups.setdefault(key, []).append(host)
    return groups.values()


def _print_group(console: Console, group: list[HostResult], diffs: bool) -> None:
    first = group[0]
    names = ", ".join(host.host for host in group[:8]) + (f" and {len(group) - 8} more" if len(group) > 8 else "")
    summary = first.summary
    about = ""
    if summary is not None and len(group) == 1:
        engine = f"engine {summary.engine_version} ({summary.health})" if summary.engine_version else summary.health
        about = f"  [dim]{escape(summary.os)}, {summary.arch}, {escape(engine)}[/]"
    console.print(f"[bold]{escape(names)}[/]{about}", highlight=False)
    if not first.changes:
        console.print("  nothing to do", style="green")
        return
    component = None
    for change in first.changes:
        if change.component != component:
            component = change.component
            console.print(f"  [bold]{component}[/]", highlight=False)
        _print_change(console, change, diffs)


def _print_change(console: Console, change: Change, diffs: bool) -> None:
    sign, style = _SIGNS.get(change.kind, (">", "cyan"))
    verb = "" if change.kind in _SIGNS else f"{change.kind} "
    line = Text(f"    {sign} ", style=style)
    line.append(f"{verb}{change.target}", style="bold")
    if change.before is not None and change.after is not None and "\n" not in change.before + change.after:
        line.append(f"  {change.before} -> {change.after}")
    elif change.after is not None and "\n" not in change.after:
        line.append(f"  {change.after}")
    line.append(f"  ({change.reason})", style="dim")
    if change.effect in _EFFECTS:
        line.append(f"  {_EFFECTS[change.effect][0]}", style=_EFFECTS[change.effect][1])
    if change.containers in _CONTAINERS:
        line.append(f"  {_CONTAINERS[change.containers]}", style="bold yellow")
    console.print(line, soft_wrap=True)
    if diffs and change.after is not None and "\n" in change.after:
        _print_diff(console, change.before or "", change.after)


def _print_diff(console: Console, before: str, after: str) -> None:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    for line in lines:
        if not before and line.startswith("@"):
            continue
        console.print(Text(f"        {line}", style=_DIFF_STYLES.get(line[:1], "dim")), soft_wrap=True)
