"""A host's session during a run: its configuration, its cached HostState, and the one way to run things on it.

The session lives in `host.connector_data`, so prepare and execute share it. Nothing here is global: the deploy runs
once for each host, in greenlets over the same modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pyinfra import logger

from staithe import events, plan, preflight
from staithe.bundle.contents import Bundle
from staithe.bundle.read import read_bundle
from staithe.change import Change, Component
from staithe.config import Config, config_for
from staithe.desired import Desired, File, desired_for
from staithe.errors import (
    CommandFailed,
    ConfigError,
    HostRefused,
    ProbeFailed,
    StaitheError,
)
from staithe.events import ChangeDone, Event, HostPlanned, Problem, SmokeChecked
from staithe.host.lock import HostLock
from staithe.host.remote import Emit, Remote, last_lines
from staithe.host_layout import RUNNING
from staithe.placing import archive_of, place_script
from staithe.probe.parse import parse
from staithe.probe.script import build
from staithe.probe.state import HostState
from staithe.record import read_record, running_text
from staithe.summary import summarize

if TYPE_CHECKING:
    from pyinfra.api.host import Host

_KEY = "staithe_session"
# What `undo` brings back, by the beginning of the changes' ids.
_UNDONE = ("binaries:set:", "units:create:/", "units:update:", "units:set:", "daemon:", "service:")
_PROBE_LIMIT_BYTES = 8 << 20
_PROBE_TIMEOUT_S = 60.0


def _to_log(event: Event) -> None:
    """Show events under plain pyinfra, where no runner listens."""
    if isinstance(event, ChangeDone):
        logger.info(f"    [{event.host}] done: {event.change_id}")
    elif isinstance(event, SmokeChecked):
        check = event.check
        logger.info(f"    [{event.host}] smoke {check.status}: {check.name}: {check.did}; saw {check.saw}")


@dataclass
class Session:
    """What one run knows of one host."""

    host: Host
    config: Config
    desired: Desired | None = None
    state: HostState | None = None
    emit: Emit = _to_log
    deep: bool = False
    # Set by the runner: begin no further change.
    is_cancelled: Callable[[], bool] = lambda: False
    error: StaitheError | None = None
    problems: tuple[Problem, ...] = ()
    # The plan as first shown, and what came of it.
    planned: tuple[Change, ...] = ()
    done: list[str] = field(default_factory=list)
    # Shell texts that bring back what this run replaced; they run from the last to the first.
    undo: list[str] = field(default_factory=list)
    made_group: bool = False
    run_id: str = ""

    @property
    def name(self) -> str:
        return str(self.host.name)

    def __post_init__(self) -> None:
        remote = Remote(self.host, self.emit)
        self.run = remote.run
        self.lock = HostLock(self.host, self.run_id, sudo=remote.needs_sudo)

    def probe(self) -> HostState:
        """Ask the host everything, in one exec."""
        request = plan.probe_request(self.config, deep=self.deep)
        self.state = self._ask(build(request), None)
        return self.state

    def refresh(self, *sections: str) -> None:
        """Ask again for what an operation has changed, and nothing else."""
        request = plan.probe_request(self.config, sections=sections)
        self.state = self._ask(build(request), self.state)

    def _ask(self, script: str, base: HostState | None) -> HostState:
        try:
            result = self.run(
                script,
                "probe",
                timeout_s=_PROBE_TIMEOUT_S,
                limit_bytes=_PROBE_LIMIT_BYTES,
                check=False,
                shown="(the probe: staithe/probe/script.sh)",
            )
        except CommandFailed as error:
            # Without a check of the exit code only this is left: far more came than any probe says.
            raise ProbeFailed(error.message, found=error.found, hint=error.hint) from error
        if result.exit_code != 0 and b"staithe-probe" not in result.stdout:
            raise ProbeFailed(
                f"the probe ended with exit code {result.exit_code}",
                found=last_lines(result),
                hint=f"ssh {self.name}",
            )
        return parse(result.stdout.decode("utf-8", "replace"), base)

    def look(self) -> None:
        """Probe only, remembering a failure instead of raising: an exception would stop all hosts."""
        try:
            self.probe()
        except StaitheError as error:
            self.error = error

    def begin(self) -> None:
        """Probe, check and plan. Remembers a failure instead of raising: an exception would stop all hosts."""
        try:
            self.state = self.probe()
            self.desired = desired_for(self.config, self.state, bundle_of(self.config))
            self.problems = preflight.check(self.state, self.config, self.desired)
            if not self.problems:
                self.planned = plan.changes(self.state, self.config, self.desired)
        except StaitheError as error:
            self.error = error

    def claim(self) -> None:
        """Take the host's lock, and look again: what another run changed since the plan was made is seen."""
        self.lock.acquire()
        assert self.desired is not None
        state = self.probe()
        self.problems = preflight.check(state, self.config, self.desired)
        if self.problems:
            self.emit(events.HostRefused(host=self.name, summary=summarize(state), problems=list(self.problems)))
            raise HostRefused("the host has changed since it was planned, and cannot carry this now")
        planned = plan.changes(state, self.config, self.desired)
        if planned != self.planned:
            self.planned = planned
            self.emit(HostPlanned(host=self.name, summary=summarize(state), changes=list(planned)))

    @property
    def ready(self) -> bool:
        return self.error is None and not self.problems and self.state is not None

    def changes(self, component: Component) -> tuple[Change, ...]:
        """Return what `component` has to do: by the plan while preparing, by the present state while executing."""
        if not self.ready or self.state is None or self.desired is None:
            return ()
        if not self._is_executing():
            return tuple(change for change in self.planned if change.component == component)
        return plan.component_changes(component, self.state, self.config, self.desired, self.done)

    def verify(self, component: Component, *sections: str) -> None:
        """Ask the host again and make sure that nothing of the component is left to do."""
        self.refresh(*sections)
        assert self.state is not None and self.desired is not None
        left = plan.component_changes(component, self.state, self.config, self.desired, self.done)
        if left:
            first = left[0]
            # A file's text is no part of a message.
            values = [text if text is not None and "\n" not in text else None for text in (first.before, first.after)]
            raise CommandFailed(
                f"{first.target} did not take the change",
                found=values[0] or first.reason,
                expected=values[1],
                hint=f"staithe logs {self.name}",
            )

    def foreign(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return those of the paths whose present content staithe never wrote."""
        assert self.state is not None
        record = read_record(self.state)
        owned = set(record.contents.files) if record else set()
        return tuple(path for path in paths if path not in owned)

    def with_notes(self, files: Mapping[str, File]) -> dict[str, File]:
        """Return the files, and with them the note of what runs, which these files would hide."""
        assert self.state is not None and self.desired is not None
        noted = running_text(self.state, self.desired, frozenset())
        return {RUNNING: File(noted, "600"), **files}

    def place(self, texts: Mapping[str, str], what: str, then: str = "") -> None:
        """Put owner-only files of staithe's own in place, then run `then`."""
        files = {path: File(text, "600") for path, text in texts.items()}
        self.run(place_script(files) + then, what, stdin=[archive_of(files)])

    def roll_back(self) -> None:
        """Bring back what this run replaced, if it did not come as far as a healthy engine."""
        if not self.undo:
            return
        script = "\n".join(reversed(self.undo)) + "\n"
        self.undo.clear()
        self.run(script, "bring the former state back", timeout_s=300, check=False)
        self.done = [one for one in self.done if not one.startswith(_UNDONE)]

    def tell(self, event: Event) -> None:
        self.emit(event)

    def stopped(self) -> bool:
        return self.is_cancelled()

    def _is_executing(self) -> bool:
        return bool(self.host.state.is_executing)

    def fail(self, error: StaitheError) -> None:
        """Remember the first failure of the host."""
        if self.error is None:
            self.error = error


def bundle_of(config: Config) -> Bundle:
    """Open the bundle that the configuration names; the hosts of a run share it."""
    if config.engine.bundle is None:
        raise ConfigError(["engine.bundle: not given"], hint="--set engine.bundle=DIR   # or in the group data")
    return _read_once(config.engine.bundle)


@lru_cache(maxsize=16)
def _read_once(folder: str) -> Bundle:
    return read_bundle(Path(folder))


def session(host: Host) -> Session:
    """Return the host's session; make one from the inventory's data when no runner did (plain pyinfra)."""
    found = host.connector_data.get(_KEY)
    if found is None:
        found = attach(host, Session(host=host, config=config_for(host.name, host.data)))
    assert isinstance(found, Session)
    return found


def attach(host: Host, new: Session) -> Session:
    """Give the host its session for this run."""
    host.connector_data[_KEY] = new
    return new


def peer_of(session: Session) -> Session | None:
    """Return another connected host of this run, the next in inventory order; None when there is none."""
    hosts = list(session.host.inventory)
    at = hosts.index(session.host)
    for other in hosts[at + 1 :] + hosts[:at]:
        found = other.connector_data.get(_KEY)
        if other.connected and isinstance(found, Session) and found.ready:
            return found
    return None
