"""One host from its connection to its end: prepared, held until the word, carried out."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from pyinfra.api.host import Host
from pyinfra.api.operations import run_host_op
from pyinfra.context import ctx_config, ctx_host
from pyinfra_cli.util import exec_file

from staithe import summary
from staithe.bundle.memory import note_applied
from staithe.config import Config
from staithe.errors import HostError, HostRefused, Interrupted, NotBegun, StaitheError
from staithe.events import HostDone, HostFailed, HostPlanned, HostSummary, Outcome
from staithe.events import HostRefused as HostRefusedEvent
from staithe.host.attachment import attach
from staithe.host.history import tell_history
from staithe.host.look import FirstLook
from staithe.host.session import Session
from staithe.plan.moved import not_in_plan
from staithe.project import project_root
from staithe.runner import promise
from staithe.runner.control import report_of
from staithe.runner.receiving import receiving
from staithe.runner.slot import Slot
from staithe.runner.supply import supply_of
from staithe.runs_folder import memory_folder

if TYPE_CHECKING:
    from staithe.runner.shard import Shard


class HostRun:
    """What a shard does with one host."""

    def __init__(self, shard: Shard, host: Host, config: Config, slot: Slot, look: FirstLook | None) -> None:
        self._shard = shard
        self._start = shard.start
        self._control = shard.control
        self._host = host
        self._slot = slot
        control = shard.control
        session = Session(
            host=host,
            config=config,
            emit=control.tell,
            deep=shard.start.deep,
            first_look=look,
            is_cancelled=lambda: control.cancelled,
            run_id=shard.start.run_id,
            generation=shard.start.generation,
            conceals=control.vault.conceals,
            told=control.told,
            supply=supply_of(shard.start, control, host, config),
            receiving=partial(receiving, control, host.name) if shard.start.uploads else nullcontext,
        )
        self._session = attach(host, session)

    def go(self, obstacle: Exception | None) -> HostDone:
        """Take the host to its end, at once when an `obstacle` kept it from being connected; nothing escapes."""
        prepared = False
        try:
            if obstacle is not None:
                raise obstacle
            self._hold_to_saved()
            self._prepare()
            prepared = True
            self._shard.count_prepared()
            self._execute()
        except StaitheError as error:
            self._session.fail(error)
        except Exception as error:  # noqa: BLE001 - one host's surprise must not end the others
            self._session.fail(HostError(f"unforeseen: {type(error).__name__}: {error}"))
        if not prepared:
            self._shard.count_prepared()
        return self._end()

    def _hold_to_saved(self) -> None:
        """Make the session refuse what differs from the saved plan; raise HostRefused when that has no such host."""
        if self._shard.saved is None:
            return
        session = self._session
        try:
            session.moved = promise.to_saved(self._shard.saved, session)
        except HostRefused:
            problems = [not_in_plan()]
            self._control.tell(HostRefusedEvent(host=session.name, summary=HostSummary(), problems=problems))
            raise

    def _prepare(self) -> None:
        session, mode = self._session, self._start.mode
        if mode == "look":
            self._control.tell(HostPlanned(host=session.name, summary=summary.summarize(session.probe()), changes=[]))
            return
        if mode == "history":
            tell_history(session)
            return
        if mode == "base":
            self._shard.dumps.take(session)
            return
        if mode in ("preflight", "plan", "apply"):
            # The plan is a pure function of the probe: no operation has to be prepared for it.
            session.begin()
        if mode not in ("preflight", "plan") and not self._is_left_alone():
            with ctx_config.use(self._shard.state.config.copy()), ctx_host.use(self._host):
                exec_file(str(project_root() / self._start.deploy))
        if session.error is not None:
            raise session.error
        assert session.state is not None
        glance = summary.summarize(session.state)
        if session.problems:
            self._control.tell(HostRefusedEvent(host=session.name, summary=glance, problems=list(session.problems)))
            raise HostRefused("preflight refused the host")
        basis = promise.basis(session, self._start.salt)
        told = summary.told_plan(session.name, session.state, session.config, session.desired, session.planned)
        self._control.tell(told.model_copy(update={"basis": basis}))
        if self._start.agreed:
            session.moved = promise.to_agreed(session.planned)

    def _is_left_alone(self) -> bool:
        """Whether there is nothing to prepare: a host that is as described costs one probe and no operation."""
        return self._start.mode == "apply" and not self._session.planned

    def _execute(self) -> None:
        mode = self._start.mode
        if mode in ("preflight", "plan", "look", "base", "history") or (
            mode in ("apply", "unlock", "remove", "rollback") and not self._session.planned
        ):
            return
        self._slot.wait_for(self._control.turn(self._session.name))
        self._shard.check_may_begin("anything was changed")
        self._shard.state.is_executing = True
        with ctx_host.use(self._host):
            for op_hash in list(self._host.op_hash_order):
                if run_host_op(self._shard.state, self._host, op_hash) is False:
                    return

    def _end(self) -> HostDone:
        session = self._session
        session.lock.release()
        error = session.error
        done = session.done
        not_done = [change.id for change in session.planned if change.id not in done]
        outcome: Outcome = "changed" if done else "unchanged"
        if error is not None:
            outcome = "failed"
        elif self._start.mode in ("plan", "preflight") and not_done:
            outcome = "pending"
        if isinstance(error, HostRefused):
            outcome = "refused"
        elif isinstance(error, NotBegun):
            outcome = "not-begun"
        elif isinstance(error, Interrupted):
            outcome = "cancelled"
        elif error is not None:
            self._control.tell(HostFailed(host=session.name, error=report_of(error)))
        elif self._start.mode == "apply" and session.desired is not None:
            note_applied(session.desired.bundle, self._start.run_id, memory_folder())
        return HostDone(host=session.name, outcome=outcome, changed=done, not_done=not_done, seconds=0)
