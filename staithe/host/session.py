"""A host's session during a run: its configuration, its cached HostState, and the one way to run things on it.

Nothing here is global: the deploy runs once for each host, in greenlets over the same modules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyinfra import logger

from staithe import events, journal, plan, preflight
from staithe.bundle.shared import bundle_of
from staithe.change import Change, Component
from staithe.config import Config
from staithe.desired import Desired, File, desired_for
from staithe.errors import (
    CommandFailed,
    HostError,
    HostRefused,
    StaitheError,
)
from staithe.events import ChangeDone, Event, Problem, SmokeChecked
from staithe.former import noted, read_former
from staithe.host import probing
from staithe.host.lock import HostLock
from staithe.host.look import FirstLook
from staithe.host.remote import Emit, Remote
from staithe.host_layout import FORMER, RUNNING
from staithe.placing import archive_of, place_script
from staithe.probe.state import HostState
from staithe.probe_request import probe_request
from staithe.record import read_record, running_text, runs_what_is_there
from staithe.relay.origin import OverSsh, Supply
from staithe.ssh import Completed, Question
from staithe.summary import summarize, told_plan

if TYPE_CHECKING:
    from pyinfra.api.host import Host


# People who change a host by hand take no lock: what is older than this is asked again.
_FRESH_S = 2.0


def _to_log(event: Event) -> None:
    """Show events under plain pyinfra, where no runner listens."""
    if isinstance(event, ChangeDone):
        logger.info(f"    [{event.host}] done: {event.change_id}")
    elif isinstance(event, SmokeChecked):
        check = event.check
        logger.info(f"    [{event.host}] smoke {check.status}: {check.name}: {check.did}; saw {check.saw}")


def _nothing_moved(state: HostState, changes: tuple[Change, ...]) -> tuple[Problem, ...]:
    """Hold to no plan: nobody has agreed to one."""
    return ()


@dataclass
class Session:
    """What one run knows of one host."""

    host: Host
    config: Config
    desired: Desired | None = None
    state: HostState | None = None
    emit: Emit = _to_log
    deep: bool = False
    # Set by the runner, which asks before there is a session.
    first_look: FirstLook | None = None
    # Set by the runner: begin no further change.
    is_cancelled: Callable[[], bool] = lambda: False
    error: StaitheError | None = None
    problems: tuple[Problem, ...] = ()
    # The plan as first shown, and what came of it.
    planned: tuple[Change, ...] = ()
    done: list[str] = field(default_factory=list)
    # Set by the runner: the generation to go back to; None: the one before.
    generation: int | None = None
    # This run has noted something in the host's journal that no healthy engine has settled yet.
    is_journaled: bool = False
    # Set by the runner: whether a text holds a secret of this run, and a change as it is told.
    conceals: Callable[[str], bool] = lambda text: False
    told: Callable[[Change], Change] = lambda change: change
    run_id: str = ""
    # Set by the runner: waits for this host's turn to receive blobs (`with here.receiving():`).
    receiving: Callable[[], AbstractContextManager[None]] = nullcontext
    # Set by the runner: how blobs come when not over SSH.
    supply: Supply = field(default_factory=OverSsh)
    # Set by the runner: what moved since a plan that was saved or agreed to.
    moved: Callable[[HostState, tuple[Change, ...]], tuple[Problem, ...]] = _nothing_moved

    @property
    def name(self) -> str:
        return str(self.host.name)

    def __post_init__(self) -> None:
        self._remote = remote = Remote(self.host, self.emit)
        self._asked_at = 0.0
        self.run = remote.run
        self.lock = HostLock(self.host, remote, self.run_id)
        remote.check_lock = lambda: self.lock.check_text
        remote.lost_lock = lambda: self.lock.is_lost

    def probe(self) -> HostState:
        """Ask the host everything, in one exec; the first time take the answer of whoever asked already."""
        look = self.first_look or FirstLook(self._remote, probe_request(self.config, deep=self.deep))
        self.first_look = None
        self._asked_at = look.asked_at
        self.state = probing.read(look.answer())
        return self.state

    def alter(
        self,
        script: str,
        what: str,
        *,
        refresh: Sequence[str],
        stdin: Iterable[bytes] = (),
        question: Question | None = None,
        failed: Callable[[Completed], HostError] | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        """Run a script that changes the host; ask again, in the same exec, for the sections that it may have changed.

        `question`, `failed`: see probing.alter.
        Raises what Remote.run raises, and ProbeFailed when the change is made and only the answer is missing.
        """
        request = probe_request(self.config, sections=refresh)
        self.state = probing.alter(
            self._remote,
            script,
            what,
            request,
            self.state,
            stdin=stdin,
            question=question,
            failed=failed,
            timeout_s=timeout_s,
        )

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
            self.desired = desired_for(self.config, self.state, bundle_of(self.config), self.conceals)
            self.problems = preflight.check(self.state, self.config, self.desired)
            if not self.problems:
                self.planned = plan.changes(self.state, self.config, self.desired)
                self.problems = self.moved(self.state, self.planned)
        except StaitheError as error:
            self.error = error

    def claim(self) -> None:
        """Take the host's lock, and look again: what was changed since the plan was made is seen.

        Only where nobody has agreed to that plan, it was made a moment ago, and no run had the lock since, it stands.
        """
        self.lock.acquire()
        assert self.desired is not None
        age_s = time.monotonic() - self._asked_at
        # The host tells whole seconds.
        if self.moved is _nothing_moved and age_s < min(_FRESH_S, self.lock.idle_s - 1):
            return
        state = self.probe()
        planned = plan.changes(state, self.config, self.desired)
        self._refuse_for(preflight.check(state, self.config, self.desired) or self.moved(state, planned), state)
        if planned != self.planned:
            self.planned = planned
            self.emit(told_plan(self.name, state, self.config, self.desired, planned))

    def hold_to_plan(self, state: HostState, changes: tuple[Change, ...]) -> None:
        """Refuse the host when it has changed since the plan that was agreed to."""
        self._refuse_for(self.moved(state, changes), state)

    def _refuse_for(self, problems: tuple[Problem, ...], state: HostState) -> None:
        self.problems = problems
        if problems:
            self.emit(events.HostRefused(host=self.name, summary=summarize(state), problems=list(self.problems)))
            raise HostRefused("the host has changed since it was planned; nothing was done on it")

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

    def verify(self, component: Component) -> None:
        """Make sure that nothing of the component is left to do, by what the host said after the change."""
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
        # A first run that was cut off has no record yet.
        owned |= set(read_former(self.state).files)
        return tuple(path for path in paths if path not in owned)

    def replace(
        self,
        files: Mapping[str, File],
        what: str,
        changes: Sequence[Change],
        *,
        refresh: Sequence[str],
        validate: str = "",
        then: str = "",
        failed: Callable[[Completed], HostError] | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        """Put managed files in place, journaled, and with them the notes that these files would make impossible.

        `then`: shell text that belongs to the same step. Without files only the journal, the note and `then`.
        `refresh`, `failed`: see alter.
        """
        placed = {**self.notes(changes), **files}
        script = place_script(placed, opening=self.journal_opening, foreign=self.foreign(files), validate=validate)
        self.is_journaled = True
        stdin = [archive_of(placed)]
        self.alter(script + then, what, refresh=refresh, stdin=stdin, failed=failed, timeout_s=timeout_s)

    def notes(self, changes: Sequence[Change]) -> dict[str, File]:
        """Return staithe's own notes as they must be on the host before `changes` are made."""
        assert self.state is not None and self.desired is not None
        running = running_text(self.state, self.desired, frozenset())
        return {FORMER: File(noted(self.state, changes).text(), "600"), RUNNING: File(running, "600")}

    def place(
        self,
        texts: Mapping[str, str],
        what: str,
        *,
        refresh: Sequence[str],
        then: str = "",
        timeout_s: float = 120.0,
    ) -> None:
        """Put owner-only files of staithe's own in place, then run `then`. `refresh`: see alter."""
        files = {path: File(text, "600") for path, text in texts.items()}
        script = place_script(files) + then
        self.alter(script, what, refresh=refresh, stdin=[archive_of(files)], timeout_s=timeout_s)

    @property
    def journal_opening(self) -> str:
        """The shell text that opens the journal for this run.

        A journal that another run left is settled when the engine is healthy with just what is on the disk now:
        that is then the state to go back to.
        """
        assert self.state is not None
        left = self.state.unfinished is not None and not self.is_journaled and not self.state.is_cut_off
        is_stale = left and runs_what_is_there(self.state)
        return journal.open_text(self.run_id or "plain pyinfra", anew=is_stale)

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
