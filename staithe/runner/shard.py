"""One shard: each host connects, prepares, waits for the word and executes in a greenlet of its own.

pyinfra's own order waits for all hosts between these steps and at each operation. Here nobody waits for a slow host.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import gevent
import gevent.lock
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.operations import run_host_op
from pyinfra.context import ctx_config, ctx_host
from pyinfra_cli.util import exec_file

from staithe import summary
from staithe.bundle.memory import note_applied
from staithe.config import Config, configs_for
from staithe.config.layers import layers_of
from staithe.errors import ConfigError, HostError, HostRefused, Interrupted, NotBegun, StaitheError
from staithe.events import (
    HostConnected,
    HostDone,
    HostFailed,
    HostPlanned,
    HostSummary,
    InventoryDescribed,
    Outcome,
    Prepared,
    RunDone,
    RunRefused,
    RunStarted,
)
from staithe.events import HostRefused as HostRefusedEvent
from staithe.host import Session, attach, bundle_of
from staithe.messages import Start
from staithe.plan.moved import not_in_inventory, not_in_plan
from staithe.project import project_root
from staithe.runner import promise
from staithe.runner.control import Control, report_of
from staithe.runner.inventory import chosen, describe, load_inventory, reveal_secrets
from staithe.runner.receiving import receiving
from staithe.runner.slot import Slot
from staithe.runner.state import DEFAULT_PARALLEL, ShardState, init_state, new_state
from staithe.runs_folder import memory_folder
from staithe.saved_plan import SavedPlan, read_saved_plan
from staithe.ssh import connect_error


def run_shard(start: Start, control: Control) -> None:
    """Run one shard to its end; everything is told in events."""
    state = new_state()
    try:
        inventory = load_inventory(start.inventory)
        everyone, missing = chosen(inventory, start.limit, start.hosts)
        if start.mode == "describe":
            control.tell(InventoryDescribed(hosts=describe(everyone)))
            return
        reveal_secrets(inventory, everyone, control.vault)
        start = start.model_copy(update={"settings": control.vault.resolve(start.settings)})
        # Of all hosts, not of this shard's alone: a mistake anywhere stops every shard before any host is asked.
        configs = _configs(everyone, start)
        saved = read_saved_plan(Path(start.plan)) if start.plan else None
    except StaitheError as error:
        control.tell(RunRefused(error=report_of(error)))
        return
    init_state(state, inventory, start)
    places = list(range(len(everyone)))[start.shard :: start.shards]
    hosts = [everyone[place] for place in places]
    lost = promise.lost_hosts(saved, inventory, start) if saved and start.shard == 0 else []
    control.tell(
        RunStarted(
            hosts=[*(host.name for host in hosts), *lost],
            places=[*places, *range(len(everyone), len(everyone) + len(lost))],
            mode=start.mode,
            missing=missing if start.shard == 0 and saved is None else [],
        )
    )
    if not hosts:
        # More shards than hosts: the others wait until all are prepared.
        control.tell(Prepared())
    for name in lost:
        control.tell(HostRefusedEvent(host=name, summary=HostSummary(), problems=[not_in_inventory()]))
        control.tell(HostDone(host=name, outcome="refused", seconds=0))
    shard = _Shard(start, control, state, len(hosts), saved)
    gevent.joinall([gevent.spawn(shard.live, host, configs[host.name]) for host in hosts])
    for host in hosts:
        client = getattr(host.connector, "client", None)
        if client is not None:
            client.close()
    control.tell(RunDone())


def _configs(hosts: list[Host], start: Start) -> dict[str, Config]:
    """Validate all hosts' configuration, and open the bundles that they name, before any host is asked."""
    layers = {host.name: [data for _, data in layers_of(host.data)] + [start.settings] for host in hosts}
    configs = configs_for(layers)
    if start.mode not in ("smoke", "unlock"):
        missing = [
            f"{name}: engine.bundle: not given" for name, config in configs.items() if not config.engine.bundle
        ]
        if missing:
            raise ConfigError(
                missing[:5], hint="staithe bundle build --help   # then --set engine.bundle=DIR, or in the group data"
            )
        for config in configs.values():
            bundle_of(config)
    return configs


class _Shard:
    """What the hosts of one shard share."""

    def __init__(
        self, start: Start, control: Control, state: ShardState, count: int, saved: SavedPlan | None
    ) -> None:
        self.start = start
        self.saved = saved
        self.control = control
        self.state = state
        self.unprepared = count
        self.slots = gevent.lock.BoundedSemaphore(start.parallel or DEFAULT_PARALLEL)

    def live(self, host: Host, config: Config) -> None:
        """Take one host from connection to end; nothing escapes."""
        began = time.monotonic()
        session = attach(
            host,
            Session(
                host=host,
                config=config,
                emit=self.control.tell,
                deep=self.start.deep,
                is_cancelled=lambda: self.control.cancelled,
                run_id=self.start.run_id,
                conceals=self.control.vault.conceals,
                told=self.control.told,
                receiving=partial(receiving, self.control, host.name) if self.start.uploads else nullcontext,
            ),
        )
        prepared = False
        slot = Slot(self.slots)
        try:
            slot.take()
            if self.control.cancelled:
                raise Interrupted("stopped before this host")
            if self.control.halted:
                raise NotBegun("too many hosts have failed before this one's turn")
            if self.saved is not None:
                self._hold_to(self.saved, session)
            self._connect(host)
            self._prepare(host, session)
            prepared = True
            self._count_prepared()
            self._execute(host, session, slot)
        except StaitheError as error:
            session.fail(error)
        except Exception as error:  # noqa: BLE001 - one host's surprise must not end the others
            session.fail(HostError(f"unforeseen: {type(error).__name__}: {error}"))
        if not prepared:
            self._count_prepared()
        self._end(session, time.monotonic() - began - slot.waited_s)
        slot.give_back()

    def _count_prepared(self) -> None:
        self.unprepared -= 1
        if not self.unprepared:
            self.control.tell(Prepared())

    def _hold_to(self, saved: SavedPlan, session: Session) -> None:
        """Make the session refuse what differs from the saved plan; raise HostRefused when that has no such host."""
        try:
            session.moved = promise.to_saved(saved, session)
        except HostRefused:
            problems = [not_in_plan()]
            self.control.tell(HostRefusedEvent(host=session.name, summary=HostSummary(), problems=problems))
            raise

    def _connect(self, host: Host) -> None:
        began = time.monotonic()
        try:
            host.connect(show_errors=False, raise_exceptions=True)
        except ConnectError as error:
            raise connect_error(host.name, error, getattr(host.connector, "client", None)) from error
        self.state.activate_host(host)
        self.control.tell(HostConnected(host=host.name, seconds=round(time.monotonic() - began, 3)))

    def _prepare(self, host: Host, session: Session) -> None:
        if self.start.mode in ("preflight", "plan", "apply"):
            # The plan is a pure function of the probe: no operation has to be prepared for it.
            session.begin()
        if self.start.mode not in ("preflight", "plan") and not self._is_left_alone(session):
            with ctx_config.use(self.state.config.copy()), ctx_host.use(host):
                exec_file(str(project_root() / self.start.deploy))
        if session.error is not None:
            raise session.error
        assert session.state is not None
        glance = summary.summarize(session.state)
        if session.problems:
            self.control.tell(HostRefusedEvent(host=host.name, summary=glance, problems=list(session.problems)))
            raise HostRefused("preflight refused the host")
        basis = promise.basis(session, self.start.salt)
        self.control.tell(HostPlanned(host=host.name, summary=glance, changes=list(session.planned), basis=basis))
        if self.start.agreed:
            session.moved = promise.to_agreed(session.planned)

    def _is_left_alone(self, session: Session) -> bool:
        """Whether there is nothing to prepare: a host that is as described costs one probe and no operation."""
        return self.start.mode == "apply" and not session.planned

    def _execute(self, host: Host, session: Session, slot: Slot) -> None:
        mode = self.start.mode
        if mode in ("preflight", "plan") or (mode in ("apply", "unlock") and not session.planned):
            return
        slot.wait_for(self.control.turn(host.name))
        if self.control.cancelled:
            raise Interrupted("stopped before anything was changed")
        if self.control.halted:
            raise NotBegun("too many hosts have failed before this one's turn")
        self.state.is_executing = True
        with ctx_host.use(host):
            for op_hash in list(host.op_hash_order):
                if run_host_op(self.state, host, op_hash) is False:
                    return

    def _end(self, session: Session, seconds: float) -> None:
        session.lock.release()
        error = session.error
        done = session.done
        not_done = [change.id for change in session.planned if change.id not in done]
        outcome: Outcome = "changed" if done else "unchanged"
        if error is not None:
            outcome = "failed"
        elif self.start.mode in ("plan", "preflight") and not_done:
            outcome = "pending"
        if isinstance(error, HostRefused):
            outcome = "refused"
        elif isinstance(error, NotBegun):
            outcome = "not-begun"
        elif isinstance(error, Interrupted):
            outcome = "cancelled"
        elif error is not None:
            self.control.tell(HostFailed(host=session.name, error=report_of(error)))
        elif self.start.mode == "apply" and session.desired is not None:
            note_applied(session.desired.bundle, self.start.run_id, memory_folder())
        self.control.tell(
            HostDone(
                host=session.name,
                outcome=outcome,
                changed=done,
                not_done=not_done,
                seconds=round(seconds, 3),
            )
        )
