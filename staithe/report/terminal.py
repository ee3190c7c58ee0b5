"""A run on the terminal: live lines while it works, one line for each host as it ends, and the summary."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from staithe.batches import Batches
from staithe.events import (
    AnyEvent,
    ChangeStarted,
    ErrorReport,
    HostConnected,
    HostDone,
    HostFailed,
    HostPlanned,
    Problem,
    RunStarted,
    SmokeCheck,
    SmokeChecked,
    Transferred,
    UploadAsked,
    UploadEnded,
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


@dataclass
class _Working:
    """A host at work."""

    doing: str = "connecting"
    since: float = 0.0
    sent_bytes: int = 0
    total_bytes: int = 0
    rate_began: float = 0.0
    rate_from: int = 0
    # Its turn to receive has not come yet.
    waits: bool = False

    def take(self, event: AnyEvent, now: float) -> None:
        """Take note of what the host does now."""
        match event:
            case HostConnected():
                self.doing = "probing"
            case HostPlanned():
                self.doing = "planned" if event.changes else "as described"
            case ChangeStarted():
                self.doing, self.since = (event.change_id or "").replace(":", " ", 2), now
                self.total_bytes = 0
            case UploadAsked():
                self.waits = True
            case UploadEnded():
                self.waits, self.total_bytes = False, 0
            case Transferred():
                self.waits = False
                if self.total_bytes != event.total_bytes:
                    self.rate_began, self.rate_from = now, event.sent_bytes
                self.sent_bytes, self.total_bytes = event.sent_bytes, event.total_bytes
            case SmokeChecked():
                self.doing, self.total_bytes = f"smoke {event.check.name}", 0

    def rate(self, now: float) -> float:
        """Return bytes per second."""
        return (self.sent_bytes - self.rate_from) / max(0.1, now - self.rate_began)


class Progress:
    """Shows a run as it goes. Off a terminal: one line for each thing worth a line in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._working: dict[str, _Working] = {}
        self._total = 0
        self._done: set[str] = set()
        self._live = Live(self, console=console, refresh_per_second=8, transient=True)
        self._is_live = console.is_terminal

    def __enter__(self) -> Progress:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_live:
            self._live.stop()

    def pause(self) -> None:
        """Take the live lines away, for a question or a plan."""
        if self._is_live:
            self._live.stop()

    def go_on(self) -> None:
        """Show the live lines again."""
        if self._is_live:
            self._live.start()

    def take(self, event: AnyEvent) -> None:
        """Show one event."""
        now = time.monotonic()
        if isinstance(event, RunStarted):
            self._total += len(event.hosts)
            return
        if event.host is None:
            return
        if event.host in self._done:
            # A neighbour asked it for something; it does not come back to the live lines.
            return
        at = self._working.setdefault(event.host, _Working(since=now))
        at.take(event, now)
        match event:
            case ChangeStarted() if not self._is_live:
                self._console.print(f"{event.host}: {at.doing}", highlight=False, markup=False, soft_wrap=True)
            case SmokeChecked():
                print_check(self._console, event.check, event.host)
            case HostFailed():
                print_host_error(self._console, event.host, event.error)
            case HostDone():
                self._working.pop(event.host, None)
                self._done.add(event.host)

    def __rich__(self) -> Group:
        now = time.monotonic()
        room = max(3, self._console.height - 6)
        lines = [self._line(name, at, now) for name, at in list(self._working.items())[:room]]
        hidden = len(self._working) - len(lines)
        if hidden > 0:
            lines.append(Text(f"  and {hidden} more at work", style="dim"))
        receiving = [at for at in self._working.values() if at.total_bytes and not at.waits]
        if len(receiving) > 1:
            lines.append(self._received(receiving, now))
        if self._total > 1:
            lines.append(Text(f"{len(self._done)} of {self._total} hosts done", style="bold"))
        return Group(*lines)

    def _line(self, name: str, at: _Working, now: float) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{name:<12} ", style="bold")
        if at.waits:
            return line.append("waiting for its turn to receive", style="dim")
        if at.total_bytes:
            line.append(f"{_progress(at.sent_bytes, at.total_bytes, at.rate(now))}  ")
        else:
            line.append(f"{now - at.since:>3.0f} s  ", style="dim")
        return line.append(at.doing)

    def _received(self, receiving: list[_Working], now: float) -> Text:
        sent, total = sum(at.sent_bytes for at in receiving), sum(at.total_bytes for at in receiving)
        text = f"{len(receiving)} hosts receive: {_progress(sent, total, sum(at.rate(now) for at in receiving))}"
        waiting = sum(1 for at in self._working.values() if at.waits)
        return Text(text + (f"; {waiting} wait" if waiting else ""), style="bold", no_wrap=True, overflow="ellipsis")


def _progress(sent: int, total: int, rate: float) -> str:
    left = f", {(total - sent) / rate:.0f} s left" if rate > 0 else ""
    return f"{100 * sent // max(1, total):>3}% of {decimal(total)}, {decimal(int(rate))}/s{left}"


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
    console.print(text, highlight=False, soft_wrap=True)
    if error.hint:
        console.print(f"    try: {error.hint}", highlight=False, markup=False, soft_wrap=True)


def print_problems(console: Console, host: str, problems: list[Problem]) -> None:
    """Print all that preflight found on a host."""
    console.print(f"[bold]{escape(host)}[/] [bold yellow]refused, and left as it was:[/]", highlight=False)
    for one in problems:
        text = f"  {one.code} {one.message} (found {one.found}, expected {one.expected})"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
        if one.hint:
            console.print(f"       try: {one.hint}", highlight=False, markup=False, soft_wrap=True)


def print_batch(console: Console, batches: Batches) -> None:
    """Say which hosts begin now."""
    hosts = batches.members(batches.current)
    names = ", ".join(hosts[:8]) + (f" and {len(hosts) - 8} more" if len(hosts) > 8 else "")
    text = f"batch {batches.current + 1} of {batches.count}: {names}"
    console.print(text, style="bold", highlight=False, markup=False, soft_wrap=True)


def print_summary(console: Console, result: RunResult) -> None:
    """Print what came of the run, and where its record is."""
    for host in result.hosts:
        if host.problems:
            print_problems(console, host.host, host.problems)
    for outcome, (sign, style, word) in _OUTCOMES.items():
        hosts = [host for host in result.hosts if host.outcome == outcome]
        if hosts:
            console.print(Text(f"{sign} {word}: ", style=style).append(_names(hosts, outcome), style="default"))
    for host in result.hosts:
        if host.outcome in ("failed", "cancelled") and host.not_done:
            left = ", ".join(host.not_done[:4]) + (" ..." if len(host.not_done) > 4 else "")
            console.print(f"  {host.host}: not done: {left}", highlight=False, markup=False, soft_wrap=True)
    if result.missing:
        text = f"no longer in the inventory: {', '.join(result.missing)}"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if any(host.outcome in ("failed", "cancelled", "not-begun") for host in result.hosts):
        text = f"go on with these: staithe {result.mode} {result.inventory} --retry-failed {result.run_id}"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if result.directory:
        console.print(f"[dim]record: {escape(result.directory)}[/]", highlight=False, soft_wrap=True)


def _names(hosts: list[HostResult], outcome: str) -> str:
    shown = ", ".join(_came_to(host) if outcome == "changed" else host.host for host in hosts[:12])
    return shown + (f" and {len(hosts) - 12} more" if len(hosts) > 12 else "")


def _came_to(host: HostResult) -> str:
    """Say in a few words what was done to a changed host, and how it was proved."""
    done = [change for change in host.changed if not change.startswith("smoke:")]
    words = [f"{len(done)} change{'' if len(done) == 1 else 's'}"] if done else []
    if host.checks:
        passed = sum(1 for check in host.checks if check.status == "passed")
        skipped = sum(1 for check in host.checks if check.status == "skipped")
        words.append(f"smoke {passed} passed" + (f", {skipped} skipped" if skipped else ""))
    return f"{host.host} ({'; '.join([*words, f'{host.seconds:.1f} s'])})"
