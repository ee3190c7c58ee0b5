"""Live lines while a run works; off a terminal, one line for each thing that is worth one in a log."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.text import Text

from staithe.events import (
    AnyEvent,
    BlobReady,
    BlobsWanted,
    ChangeStarted,
    HostConnected,
    HostDone,
    HostFailed,
    HostPlanned,
    Notice,
    Pulling,
    RunStarted,
    SmokeChecked,
    Transferred,
    UploadAsked,
    UploadEnded,
)
from staithe.report.terminal import print_check, print_host_error, print_notice

_PLANNED = "planned"
# Longer names are cut in the live lines; the summary has them whole.
_NAME_WIDTH = 32


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
    # The relay that it waits for, or where it pulls from.
    relay: str = ""
    origin: str = ""

    @property
    def is_idle(self) -> bool:
        """Whether the host waits for something: when room is short, those at work are shown."""
        return self.waits or bool(self.relay) or self.doing == _PLANNED

    def take(self, event: AnyEvent, now: float) -> None:
        """Take note of what the host does now."""
        match event:
            case HostConnected():
                self.doing = "probing"
            case HostPlanned():
                self.doing = _PLANNED if event.changes else "as described"
            case ChangeStarted():
                self.doing, self.since = (event.change_id or "").replace(":", " ", 2), now
                self.total_bytes = 0
            case BlobsWanted():
                self.relay = event.relay
            case BlobReady():
                self.relay = ""
            case UploadAsked():
                self.waits, self.relay = True, ""
            case UploadEnded():
                self.waits, self.total_bytes, self.origin = False, 0, ""
            case Pulling():
                self.waits, self.total_bytes = False, 0
                self.origin = f"{decimal(event.total_bytes)} from {event.origin}"
            case Notice():
                self.origin = ""
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
        self._places: dict[str, int] = {}
        self._done: set[str] = set()
        self._failed = 0
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
            self._places.update(zip(event.hosts, event.places or range(len(event.hosts)), strict=False))
            return
        if event.host is None:
            return
        if event.component == "relay":
            self._fill(event, now)
            return
        if event.host in self._done:
            # A neighbour asked it for something; it does not come back to the live lines.
            return
        at = self._working.setdefault(event.host, _Working(since=now))
        at.take(event, now)
        if isinstance(event, BlobReady) and event.problem:
            # Whatever was on its way to the relay does not arrive.
            self._working.pop(f"relay {event.relay}", None)
        match event:
            case Pulling() if not self._is_live:
                self._print(f"{event.host}: pulls {at.origin}")
            case Notice():
                print_notice(self._console, event.host, event.text)
            case ChangeStarted() if not self._is_live:
                self._print(f"{event.host}: {at.doing}")
            case SmokeChecked():
                print_check(self._console, event.check, event.host)
            case HostFailed():
                self._failed += 1
                print_host_error(self._console, event.host, event.error)
            case HostDone():
                self._working.pop(event.host, None)
                self._done.add(event.host)

    def _fill(self, event: AnyEvent, now: float) -> None:
        """Show what goes to a relay, beside what the run does on the same host."""
        if not isinstance(event, Transferred):
            return
        name = f"relay {event.host}"
        if name not in self._working and not self._is_live:
            self._print(f"{name}: receives {decimal(event.total_bytes)} for the others")
        at = self._working.setdefault(name, _Working("for the others", since=now))
        at.take(event, now)
        if event.sent_bytes == event.total_bytes:
            del self._working[name]

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def __rich__(self) -> Group:
        now = time.monotonic()
        room = max(3, self._console.height - 6)
        # In inventory order, so that no line jumps about; those that wait come last.
        order = sorted(self._working, key=lambda name: (self._working[name].is_idle, self._places.get(name, 0)))
        width = min(_NAME_WIDTH, max(map(len, order[:room]), default=0))
        lines = [self._line(name, width, now) for name in order[:room]]
        hidden = len(self._working) - len(lines)
        if hidden > 0:
            idle = sum(1 for name in order[room:] if self._working[name].is_idle)
            words = [f"{hidden - idle} more at work"] if hidden > idle else []
            words += [f"{idle} more that wait"] if idle else []
            lines.append(Text(f"and {', '.join(words)}", style="dim"))
        receiving = [at for at in self._working.values() if at.total_bytes and not at.waits]
        if len(receiving) > 1:
            lines.append(self._received(receiving, now))
        if len(self._places) > 1:
            failed = f", {self._failed} failed" if self._failed else ""
            lines.append(Text(f"{len(self._done)} of {len(self._places)} hosts done{failed}", style="bold"))
        return Group(*lines)

    def _line(self, name: str, width: int, now: float) -> Text:
        at = self._working[name]
        line = Text(no_wrap=True, overflow="ellipsis")
        shown = name if len(name) <= width else f"{name[: width - 1]}…"
        line.append(f"{shown:<{width}} ", style="bold")
        if at.waits:
            return line.append("waiting for its turn to receive", style="dim")
        if at.relay:
            return line.append(f"waiting for relay {at.relay}", style="dim")
        if at.total_bytes:
            line.append(f"{_progress(at.sent_bytes, at.total_bytes, at.rate(now))}  ")
        else:
            line.append(f"{now - at.since:>3.0f} s  ", style="dim")
        return line.append(at.doing + (f": {at.origin}" if at.origin else ""))

    def _received(self, receiving: list[_Working], now: float) -> Text:
        sent, total = sum(at.sent_bytes for at in receiving), sum(at.total_bytes for at in receiving)
        text = f"{len(receiving)} hosts receive: {_progress(sent, total, sum(at.rate(now) for at in receiving))}"
        waiting = sum(1 for at in self._working.values() if at.waits)
        return Text(text + (f"; {waiting} wait" if waiting else ""), style="bold", no_wrap=True, overflow="ellipsis")


def _progress(sent: int, total: int, rate: float) -> str:
    pace = f", {decimal(int(rate))}/s, {(total - sent) / rate:.0f} s left" if rate >= 1 else ""
    return f"{100 * sent // max(1, total):>3}% of {decimal(total)}{pace}"
