"""A plan as a person reads it before touching production."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from staithe.change import Change
from staithe.events import PlanWarning
from staithe.result import HostResult

# none: no texts; changes: of files that are there already, and short new ones; all: of long new files too.
Diffs = Literal["none", "changes", "all"]

_SIGNS = {"create": ("+", "green"), "remove": ("-", "red"), "update": ("~", "yellow"), "set": ("~", "yellow")}
_EFFECTS = {
    "restart": ("restarts the engine", "bold yellow"),
    "reload": ("reloads the engine", "yellow"),
    "start": ("starts the engine", "yellow"),
}
_CONTAINERS = {
    "kept": "running containers are kept",
    "restarted": "running containers stop, and start again only by their restart policy",
    "left-behind": "containers and images made so far stay behind in the former store",
    "ended": "containers end for good",
}
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
# A new file longer than this is shown by its number of lines, unless asked for.
_NEW_FILE_LINES = 12
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def print_plan(console: Console, hosts: Sequence[HostResult], *, diffs: Diffs = "changes") -> None:
    """Print what would change, hosts with the same plan together, in inventory order."""
    for group in _alike(hosts):
        _print_group(console, group, diffs)
    pending = [host for host in hosts if host.changes]
    same = [host for host in hosts if host.summary and not host.changes and not host.problems and not host.error]
    counts = [f"{len(pending)} to change"] if pending else []
    counts += [f"{len(same)} as described"] if same else []
    console.print(f"[bold]Plan:[/] {', '.join(counts) or 'no host could be planned'}", highlight=False)


def _alike(hosts: Sequence[HostResult]) -> Iterable[list[HostResult]]:
    groups: dict[object, list[HostResult]] = {}
    for host in hosts:
        if host.summary is None or host.problems or host.error:
            continue
        key = tuple(one.model_dump_json() for one in (*host.changes, *host.warnings))
        groups.setdefault(key, []).append(host)
    return groups.values()


def _print_group(console: Console, group: list[HostResult], diffs: Diffs) -> None:
    first = group[0]
    names = _listed([host.host for host in group])
    summary = first.summary
    about = ""
    if summary is not None and len(group) == 1:
        engine = f"engine {summary.engine_version} ({summary.health})" if summary.engine_version else summary.health
        about = f"  [dim]{escape(summary.os)}, {summary.arch}, {escape(engine)}[/]"
    console.print(f"[bold]{escape(names)}[/]{about}", highlight=False)
    if not first.changes:
        console.print("  nothing to do", style="green")
    component = None
    for change in first.changes:
        if change.component != component:
            component = change.component
            console.print(f"  [bold]{component}[/]", highlight=False)
        _print_change(console, change, diffs)
    for warning in first.warnings:
        _print_warning(console, warning)


def print_warnings(console: Console, hosts: Sequence[HostResult]) -> None:
    """Print what plans warn of where none of them is shown: each warning once, with its hosts."""
    found: dict[PlanWarning, list[str]] = {}
    for host in hosts:
        for warning in host.warnings:
            found.setdefault(warning, []).append(host.host)
    for warning, names in found.items():
        _print_warning(console, warning, f"{_listed(names)}: ")


def _print_change(console: Console, change: Change, diffs: Diffs) -> None:
    sign, style = _SIGNS.get(change.kind, (">", "cyan"))
    verb = "" if change.kind in _SIGNS else f"{change.kind} "
    line = Text(f"{verb}{change.target}", style="bold")
    if change.before is not None and change.after is not None and "\n" not in change.before + change.after:
        line.append(f"  {_short(change.before)} -> {_short(change.after)}", style="default")
    elif change.after is not None and "\n" not in change.after:
        line.append(f"  {_short(change.after)}", style="default")
    line.append(f"  ({_short(change.reason)})", style="not bold dim")
    if change.effect in _EFFECTS:
        line.append(f"  {_EFFECTS[change.effect][0]}", style=_EFFECTS[change.effect][1])
    if change.containers in _CONTAINERS:
        line.append(f"  {_CONTAINERS[change.containers]}", style="bold yellow")
    _print_hanging(console, Text(f"    {sign} ", style=style), line)
    if change.after is None or "\n" not in change.after or diffs == "none":
        return
    count = len(change.after.splitlines())
    if change.before is None and count > _NEW_FILE_LINES and diffs != "all":
        console.print(f"        ({count} lines; --diff all shows them)", style="dim")
    else:
        _print_diff(console, change.before or "", change.after)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _print_warning(console: Console, warning: PlanWarning, whose: str = "") -> None:
    text = Text(whose, style="bold").append(f"{warning.code} ", style="bold yellow")
    text.append(f"{warning.text}  ", style="not bold default")
    text.append(f"({warning.source})", style="not bold dim")
    _print_hanging(console, Text("  ! ", style="bold yellow"), text)


def _print_hanging(console: Console, head: Text, text: Text) -> None:
    """Print a text so that its continued lines hang under its first word; in a log it stays on one line."""
    if console.is_terminal:
        grid = Table.grid()
        grid.add_row(head, text)
        console.print(grid)
    else:
        console.print(head.append_text(text), soft_wrap=True)


def _short(text: str) -> str:
    """Shorten digests to what a person compares."""
    return _DIGEST.sub(r"\1", text)


def _print_diff(console: Console, before: str, after: str) -> None:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    for line in lines:
        if not before and line.startswith("@"):
            continue
        console.print(Text(f"        {line}", style=_DIFF_STYLES.get(line[:1], "dim")), soft_wrap=True)
