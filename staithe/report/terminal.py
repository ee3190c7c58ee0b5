"""What a run says to a person: checks, errors, batches, and the summary."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from staithe.batches import Batches
from staithe.events import (
    ErrorReport,
    Problem,
    SmokeCheck,
)
from staithe.result import HostResult, RunResult

_OUTCOMES = {
    "unchanged": ("=", "green", "nothing to do"),
    "pending": ("~", "yellow", "would change"),
    "changed": ("+", "green", "changed"),
    "failed": ("x", "bold red", "failed"),
    "refused": ("!", "bold yellow", "refused"),
    "cancelled": ("-", "yellow", "not done"),
    "not-begun": ("-", "yellow", "not begun, too many hosts had failed"),
}
_CHECKS = {"passed": ("ok", "green"), "failed": ("FAILED", "bold red"), "skipped": ("skipped", "yellow")}


def print_check(console: Console, check: SmokeCheck, host: str) -> None:
    """Print one smoke check in one line; what was expected and seen when it did not pass."""
    word, style = _CHECKS[check.status]
    if console.is_terminal:
        line = Table.grid(padding=(0, 1), expand=True)
        for width, ratio, justify in ((None, None, "left"), (7, None, "left"), (14, None, "left"), (None, 1, "left")):
            line.add_column(width=width, ratio=ratio, justify=justify, no_wrap=ratio is None)  # type: ignore[arg-type]
        line.add_column(justify="right", no_wrap=True)
        name = Text(host, style="bold")
        line.add_row(
            name, Text(word, style=style), check.name, Text(check.did, style="dim"), f"{check.seconds:.1f} s"
        )
        console.print(line)
    else:
        text = f"{host}: smoke {word}: {check.name}: {check.did} ({check.seconds:.1f} s)"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if check.status != "passed":
        console.print(
            f"    expected {check.expected}; saw {check.saw}", highlight=False, markup=False, soft_wrap=True
        )


def print_host_error(console: Console, host: str, error: ErrorReport) -> None:
    """Print a host's error: what happened and what to type next."""
    text = f"[bold]{escape(host)}[/] [bold red]error {error.code}:[/] {escape(error.message)}"
    # Whole words on a terminal, whole lines in a log; a command to copy is never broken.
    console.print(text, highlight=False, soft_wrap=not console.is_terminal)
    if error.hint:
        console.print(f"    try: {error.hint}", highlight=False, markup=False, soft_wrap=True)


def print_notice(console: Console, host: str, text: str) -> None:
    """Print something worth knowing of a host."""
    line = f"[bold]{escape(host)}[/] [yellow]notice:[/] {escape(text)}"
    console.print(line, highlight=False, soft_wrap=not console.is_terminal)


def print_problems(console: Console, host: str, problems: list[Problem]) -> None:
    """Print all that preflight found on a host."""
    console.print(f"[bold]{escape(host)}[/] [bold yellow]refused, and left as it was:[/]", highlight=False)
    for one in problems:
        text = f"  {one.code} {one.message} (found {one.found}, expected {one.expected})"
        console.print(text, highlight=False, markup=False, soft_wrap=not console.is_terminal)
        if one.hint:
            console.print(f"       try: {one.hint}", highlight=False, markup=False, soft_wrap=True)


def print_batch(console: Console, batches: Batches) -> None:
    """Say which hosts begin now."""
    hosts = batches.members(batches.current)
    names = [*hosts[:8], *([f"and {len(hosts) - 8} more"] if len(hosts) > 8 else [])]
    _print_names(console, Text(f"batch {batches.current + 1} of {batches.count}: ", style="bold"), names)


def print_summary(console: Console, result: RunResult) -> None:
    """Print what came of the run, and where its record is."""
    for host in result.hosts:
        if host.problems:
            print_problems(console, host.host, host.problems)
    for outcome, (sign, style, word) in _OUTCOMES.items():
        hosts = [host for host in result.hosts if host.outcome == outcome]
        if hosts:
            _print_names(console, Text(f"{sign} {word}: ", style=style), _names(hosts, outcome))
    _print_not_done(console, result)
    if result.missing:
        text = f"no longer in the inventory: {', '.join(result.missing)}"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if any(host.outcome in ("failed", "cancelled", "not-begun") for host in result.hosts):
        text = f"go on with these: staithe {result.mode} {result.inventory} --retry-failed {result.run_id}"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if result.directory:
        console.print(f"[dim]record: {escape(result.directory)}[/]", highlight=False, soft_wrap=True)


def _print_not_done(console: Console, result: RunResult) -> None:
    """Say what is left to do, of hosts with the same left over together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for host in result.hosts:
        if host.outcome in ("failed", "cancelled") and host.not_done:
            groups.setdefault(tuple(host.not_done), []).append(host.host)
    for not_done, names in groups.items():
        left = ", ".join(not_done[:4]) + (" ..." if len(not_done) > 4 else "")
        who = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        console.print(f"  {who}: not done: {left}", highlight=False, markup=False, soft_wrap=not console.is_terminal)


def _names(hosts: list[HostResult], outcome: str) -> list[str]:
    shown = [_came_to(host) if outcome == "changed" else host.host for host in hosts[:12]]
    return shown + ([f"and {len(hosts) - 12} more"] if len(hosts) > 12 else [])


def _print_names(console: Console, head: Text, names: list[str]) -> None:
    """Print names after `head`: in a log on one line, on a terminal broken only between two of them."""
    line, room = head, console.width
    for number, name in enumerate(names):
        text = name if number == len(names) - 1 else f"{name}, "
        if console.is_terminal and number and line.cell_len + len(text) > room:
            line.rstrip()
            console.print(line, soft_wrap=True)
            line = Text("    ")
        line.append(text, style="default")
    console.print(line, soft_wrap=True)


def _came_to(host: HostResult) -> str:
    """Say in a few words what was done to a changed host, and how it was proved."""
    done = [change for change in host.changed if not change.startswith("smoke:")]
    words = [f"{len(done)} change{'' if len(done) == 1 else 's'}"] if done else []
    if host.checks:
        passed = sum(1 for check in host.checks if check.status == "passed")
        skipped = sum(1 for check in host.checks if check.status == "skipped")
        words.append(f"smoke {passed} passed" + (f", {skipped} skipped" if skipped else ""))
    return f"{host.host} ({'; '.join([*words, f'{host.seconds:.1f} s'])})"
