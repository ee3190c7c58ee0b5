"""One shard: each host connects, prepares, waits for the word and executes in a greenlet of its own.

pyinfra's own order waits for all hosts between these steps and at each operation. Here nobody waits for a slow host.
At the top stands what is needed to reach hosts and to ask them. Before that the configuration is validated and the
bundles are checked; while they answer, the rest is loaded.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
import gevent.event
import gevent.lock
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory

from staithe.config import Config, configs_for
from staithe.config.layers import layers_of
from staithe.errors import ConfigError, Interrupted, NotBegun, StaitheError
from staithe.events import (
    HostConnected,
    HostDone,
    HostRefused,
    HostSummary,
    InventoryDescribed,
    Prepared,
    RunDone,
    RunRefused,
    RunStarted,
    UsedBundle,
)
from staithe.host.look import FirstLook
from staithe.host.remote import Remote
from staithe.messages import Start
from staithe.probe_request import probe_request
from staithe.runner.control import Control, report_of
from staithe.runner.dumps import Dumps
from staithe.runner.inventory import chosen, describe, load_inventory, reveal_secrets
from staithe.runner.slot import Slot
from staithe.runner.state import DEFAULT_PARALLEL, ShardState, init_state, new_state
from staithe.ssh import connect_error

if TYPE_CHECKING:
    from staithe.runner.relay import Relays
    from staithe.saved_plan import SavedPlan

# What checks need, and what a connected host needs, in pieces of about the same size.
_FOR_CHECKS = (
    "staithe.bundle.documents",
    "staithe.bundle.read",
    "staithe.bundle.signatures",
    "staithe.bundle.shared",
)
_LATER = (
    "staithe.probe.state",
    "jinja2",
    "staithe.plan",
    "staithe.desired",
    "staithe.host.session",
    "staithe.runner.host_run",
)

# Seconds: a host that is near has heard all that is said to it; one that is far leaves time while it connects, too.
_SAID_S = 0.012
_UNTIL_BUSY_S = 0.15
# These begin with a probe of the whole host.
_LOOKING = ("preflight", "plan", "apply", "look")
_WITHOUT_BUNDLE = ("smoke", "unlock", "look", "remove", "base", "rollback", "history")


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
        saved = _saved_plan(start)
        init_state(state, inventory, start)
        places = list(range(len(everyone)))[start.shard :: start.shards]
        hosts = [everyone[place] for place in places]
        # Of all hosts, not of this shard's alone: a mistake anywhere stops every shard before any host is connected.
        configs = _configs(everyone, start)
        relays = _relays(start, control, inventory, configs)
    except StaitheError as error:
        control.tell(RunRefused(error=report_of(error)))
        return
    shard = Shard(start, control, state, len(hosts), saved)
    lives = [gevent.spawn(shard.live, host, configs[host.name]) for host in hosts]
    lost = _lost_hosts(saved, inventory, start)
    control.tell(
        RunStarted(
            hosts=[*(host.name for host in hosts), *lost],
            places=[*places, *range(len(everyone), len(everyone) + len(lost))],
            mode=start.mode,
            missing=missing if start.shard == 0 and saved is None else [],
            bundles=_used(configs, start),
        )
    )
    if not hosts:
        # More shards than hosts: the others wait until all are prepared.
        control.tell(Prepared())
    _refuse(lost, control)
    if hosts and start.mode in _LOOKING:
        shard.is_busy.wait(_UNTIL_BUSY_S)
    _load(_LATER)
    gevent.joinall(lives)
    if relays is not None:
        relays.close()
    for host in hosts:
        client = getattr(host.connector, "client", None)
        if client is not None:
            client.close()
    control.tell(RunDone())


def _configs(hosts: list[Host], start: Start) -> dict[str, Config]:
    """Validate all hosts' configuration, and open the bundles that they name, before any host is asked."""
    layers = {host.name: [data for _, data in layers_of(host.data)] + [start.settings] for host in hosts}
    configs = configs_for(layers)
    if start.mode not in _WITHOUT_BUNDLE:
        missing = [
            f"{name}: engine.bundle: not given"
            for name, config in configs.items()
            if not config.engine.bundle and config.engine.source != "repository"
        ]
        if missing:
            raise ConfigError(
                missing[:5], hint="staithe bundle build --help   # then --set engine.bundle=DIR, or in the group data"
            )
        _load(_FOR_CHECKS)
        from staithe.bundle.shared import bundle_of

        for config in configs.values():
            bundle_of(config)
            gevent.sleep(0)
    return configs


def _relays(start: Start, control: Control, inventory: Inventory, configs: Mapping[str, Config]) -> Relays | None:
    """Return the relays that this runner keeps; raise ConfigError when one is no host of the inventory."""
    if not any(config.transfer.relay for config in configs.values()):
        return None
    from staithe.runner.relay import check_relays, relays_of

    check_relays(inventory, configs)
    return relays_of(start, control, inventory, configs)


def _used(configs: Mapping[str, Config], start: Start) -> list[UsedBundle]:
    """Return the bundles of the run, for its record."""
    if start.mode in _WITHOUT_BUNDLE:
        return []
    from staithe.bundle.shared import bundle_of

    return [
        UsedBundle(path=str(one.root), digest=one.digest, name=one.name, serial=one.serial, signers=list(one.signers))
        for one in {id(bundle): bundle for bundle in map(bundle_of, configs.values())}.values()
    ]


def _saved_plan(start: Start) -> SavedPlan | None:
    if start.plan is None:
        return None
    from staithe.saved_plan import read_saved_plan

    return read_saved_plan(Path(start.plan))


def _lost_hosts(saved: SavedPlan | None, inventory: Inventory, start: Start) -> list[str]:
    """Return the hosts of the plan that the inventory no longer has; none when the run is limited to less."""
    if saved is None or start.shard != 0 or start.limit != saved.limit:
        return []
    known = {host.name for host in inventory}
    return [name for name in saved.hosts if name not in known]


def _refuse(lost: list[str], control: Control) -> None:
    for name in lost:
        from staithe.plan.moved import not_in_inventory

        control.tell(HostRefused(host=name, summary=HostSummary(), problems=[not_in_inventory()]))
        control.tell(HostDone(host=name, outcome="refused", seconds=0))


def _load(modules: Sequence[str]) -> None:
    """Load modules, letting hosts that answer have their turn before each one."""
    for name in modules:
        gevent.sleep(0)
        import_module(name)


class Shard:
    """What the hosts of one shard share."""

    def __init__(
        self, start: Start, control: Control, state: ShardState, count: int, saved: SavedPlan | None
    ) -> None:
        self.start = start
        self.saved = saved
        self.control = control
        self.state = state
        self.unprepared = count
        self.dumps = Dumps()
        self.slots = gevent.lock.BoundedSemaphore(start.parallel or DEFAULT_PARALLEL)
        # A host works on what it was asked, or is done with: from now on there is time to load the rest.
        self.is_busy = gevent.event.Event()

    def live(self, host: Host, config: Config) -> None:
        """Take one host from connection to end; nothing escapes."""
        began = time.monotonic()
        slot = Slot(self.slots)
        obstacle: Exception | None = None
        look: FirstLook | None = None
        try:
            slot.take()
            self.check_may_begin("this host")
            if self.saved is None or host.name in self.saved.hosts:
                self._connect(host)
                look = self._look(host, config)
        except Exception as error:  # noqa: BLE001 - one host's surprise must not end the others
            obstacle = error
        self.is_busy.set()
        from staithe.runner.host_run import HostRun

        outcome = HostRun(self, host, config, slot, look).go(obstacle)
        seconds = round(time.monotonic() - began - slot.waited_s, 3)
        self.control.tell(outcome.model_copy(update={"seconds": seconds}))
        slot.give_back()

    def check_may_begin(self, what: str) -> None:
        """Raise Interrupted or NotBegun when the host's turn will not come."""
        if self.control.cancelled:
            raise Interrupted(f"stopped before {what}")
        if self.control.halted:
            raise NotBegun("too many hosts have failed before this one's turn")

    def count_prepared(self) -> None:
        """Tell when no host of the shard is left to be prepared."""
        self.unprepared -= 1
        if not self.unprepared:
            self.control.tell(Prepared())

    def _connect(self, host: Host) -> None:
        began = time.monotonic()
        try:
            host.connect(show_errors=False, raise_exceptions=True)
        except ConnectError as error:
            raise connect_error(host.name, error, getattr(host.connector, "client", None)) from error
        seconds = round(time.monotonic() - began, 3)
        self.state.activate_host(host)
        self.control.tell(HostConnected(host=host.name, seconds=seconds))

    def _look(self, host: Host, config: Config) -> FirstLook | None:
        """Ask the host what it is, where that is what the run begins with."""
        if self.start.mode not in _LOOKING:
            return None
        remote = Remote(host, self.control.tell)
        if not self.is_busy.is_set():
            # To load holds back what is still to be said to the host.
            gevent.spawn_later(_SAID_S, self.is_busy.set)
        return FirstLook(remote, probe_request(config, deep=self.start.deep))
