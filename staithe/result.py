"""What a run came to: events gathered into one result for each host. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from staithe.change import Change
from staithe.errors import (
    EXIT_HOST_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_PENDING,
    EXIT_REFUSED,
    worst_exit_code,
)
from staithe.events import (
    AnyEvent,
    ErrorReport,
    Generation,
    HostDone,
    HostFailed,
    HostHistory,
    HostPlanned,
    HostRefused,
    HostRemains,
    HostSummary,
    Notice,
    Outcome,
    PlanWarning,
    Problem,
    RunRefused,
    RunStarted,
    SmokeCheck,
    SmokeChecked,
)

Mode = Literal["preflight", "plan", "apply", "smoke", "unlock", "look", "remove", "base", "rollback", "history"]
_NOT_WELL = ("failed", "refused", "cancelled", "not-begun")


class HostResult(BaseModel):
    """What came of one host."""

    model_config = ConfigDict(extra="forbid")

    host: str
    outcome: Outcome = Field(default="cancelled", description="cancelled: the host was not reached before the end.")
    summary: HostSummary | None = None
    changes: list[Change] = Field(default=[], description="The plan, in the order of work.")
    warnings: list[PlanWarning] = Field(default=[], description="What to know before agreeing to the plan.")
    changed: list[str] = Field(default=[], description="Ids of the changes that were done.")
    not_done: list[str] = Field(default=[], description="Ids of planned changes that were not done.")
    problems: list[Problem] = []
    notices: list[str] = Field(default=[], description="Worth knowing: such as blobs that came another way.")
    remains: list[str] = Field(default=[], description="What remove leaves on the host, in words.")
    generations: list[Generation] = Field(default=[], description="What was applied, newest first (history).")
    checks: list[SmokeCheck] = []
    error: ErrorReport | None = None
    seconds: float = 0.0


class RunResult(BaseModel):
    """What came of a run. summary.json and --json are this."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    run_id: str
    mode: Mode
    inventory: str = ""
    directory: str = ""
    exit_code: int = 0
    cancelled: bool = False
    halted: bool = Field(default=False, description="So many hosts failed (--max-fail) that no further one began.")
    error: ErrorReport | None = Field(default=None, description="The run ended before any host was asked.")
    hosts: list[HostResult] = []
    missing: list[str] = Field(default=[], description="Hosts that were asked for and are not in the inventory.")
    _by_name: dict[str, HostResult] = PrivateAttr(default_factory=dict)
    _places: dict[str, int] = PrivateAttr(default_factory=dict)

    def take(self, event: AnyEvent) -> None:
        """Gather one event."""
        match event:
            case RunStarted():
                new = [HostResult(host=name) for name in event.hosts]
                self.hosts.extend(new)
                self._by_name.update({one.host: one for one in new})
                self._places.update(zip(event.hosts, event.places, strict=False))
                # Each shard tells of its own hosts; the result has the inventory's order.
                self.missing.extend(event.missing)
                self.hosts.sort(key=lambda one: self._places.get(one.host, len(self._places)))
            case RunRefused():
                self.error = event.error
        host = self._by_name.get(event.host or "")
        if host is not None:
            _take(host, event)

    def to_retry(self) -> list[str]:
        """Return the hosts that did not come to a good end: failed, refused, stopped, or never reached."""
        return [host.host for host in self.hosts if host.outcome in _NOT_WELL]

    def finish(self, *, check: bool = False) -> None:
        """Work out the exit code. `check`: pending changes count (plan --check)."""
        codes = [self.error.exit_code] if self.error else []
        codes += [_exit_code(host, check) for host in self.hosts]
        if self.cancelled:
            codes.append(EXIT_INTERRUPTED)
        self.exit_code = worst_exit_code(codes)


def _take(host: HostResult, event: AnyEvent) -> None:
    match event:
        case HostPlanned():
            host.summary, host.changes, host.warnings = event.summary, event.changes, event.warnings
        case HostRefused():
            host.summary, host.problems = event.summary, event.problems
        case HostRemains():
            host.remains = event.remains
        case HostHistory():
            host.summary, host.generations = event.summary, event.generations
        case SmokeChecked():
            host.checks.append(event.check)
        case Notice():
            host.notices.append(event.text)
        case HostFailed():
            host.error = event.error
        case HostDone():
            host.outcome, host.seconds = event.outcome, event.seconds
            host.changed, host.not_done = event.changed, event.not_done


def _exit_code(host: HostResult, check: bool) -> int:
    match host.outcome:
        case "failed":
            return host.error.exit_code if host.error else EXIT_HOST_FAILED
        case "refused":
            return EXIT_REFUSED
        case "pending":
            return EXIT_PENDING if check else EXIT_OK
        case "cancelled":
            return EXIT_INTERRUPTED
        case "not-begun":
            return EXIT_HOST_FAILED
    return EXIT_OK
