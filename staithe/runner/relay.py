"""Keeps the relays of a run: in one runner, for the hosts of all of them, from the first blob that one lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gevent
from gevent.queue import Queue
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory

from staithe import ssh
from staithe.bundle.contents import Blob, Bundle
from staithe.bundle.layout import blob_name
from staithe.bundle.shared import bundle_of
from staithe.config import Config
from staithe.config.layers import layers_of
from staithe.config.transfer import Transfer
from staithe.errors import CommandFailed, ConfigError, DiskFull, HostError, StaitheError
from staithe.events import BlobReady, BlobsWanted, Event
from staithe.host.remote import Remote
from staithe.messages import Start
from staithe.relay import serving
from staithe.runner.control import Control
from staithe.runner.inventory import reveal_secrets
from staithe.shell import quote
from staithe.transfer import not_arrived, read_blob

_OPEN_TIMEOUT_S = 60.0
_OFFER_TIMEOUT_S = 600.0
_FILL_TIMEOUT_S = 7200.0
_BEAT_S = 10.0
_PORT = "port "


class Relays:
    """The relays of a run, by the name of their host."""

    def __init__(self, control: Control, relays: Mapping[str, _Relay]) -> None:
        self._control = control
        self._relays = relays
        self._listener = gevent.spawn(self._listen) if relays else None

    def _listen(self) -> None:
        while True:
            wanted = self._control.relay_wants.get()
            self._relays[wanted.relay].wants.put(wanted)

    def close(self) -> None:
        """Wait until no host of any runner needs them, and take them away."""
        if self._listener is None:
            return
        self._control.relay_is_over.wait()
        self._listener.kill()
        gevent.joinall([gevent.spawn(relay.close) for relay in self._relays.values()])


def check_relays(inventory: Inventory, configs: Mapping[str, Config]) -> None:
    """Raise ConfigError for a relay that the inventory does not have."""
    known = {host.name for host in inventory}
    lost = {config.transfer.relay: name for name, config in configs.items() if config.transfer.relay not in known}
    lost.pop(None, None)
    if lost:
        lines = [f"{name}: transfer.relay: the inventory has no host {relay}" for relay, name in lost.items()]
        raise ConfigError(lines, hint="name a host of the inventory; it need not be among those that the run changes")


def relays_of(start: Start, control: Control, inventory: Inventory, configs: Mapping[str, Config]) -> Relays:
    """Make the relays of the run, in the first shard; no host is asked anything before another one lacks a blob.

    Raises ConfigError and SecretMissing for a relay that is not one of the hosts of the run, in every shard.
    """
    names = {config.transfer.relay for config in configs.values()} if start.mode == "apply" else set()
    settings = {
        name: (configs.get(name) or _config_of(inventory.get_host(name), start, control, inventory)).transfer
        for name in sorted(filter(None, names))
    }
    if start.shard != 0 or not settings:
        return Relays(control, {})
    bundles = list({id(bundle): bundle for bundle in map(bundle_of, configs.values())}.values())
    return Relays(
        control,
        {
            name: _Relay(inventory.get_host(name), found, bundles, control, start.run_id)
            for name, found in settings.items()
        },
    )


def _config_of(host: Host, start: Start, control: Control, inventory: Inventory) -> Config:
    reveal_secrets(inventory, [host], control.vault)
    return Config.from_layers([*(data for _, data in layers_of(host.data)), start.settings], host.name)


class _Receiver:
    """Stands for the relay while it is filled, beside what the run does on the same host."""

    def __init__(self, name: str, control: Control) -> None:
        self.name = name
        self._control = control

    def tell(self, event: Event) -> None:
        self._control.tell(event.model_copy(update={"component": "relay"}))

    def stopped(self) -> bool:
        return self._control.cancelled


class _Relay:
    """One relay: a connection of its own, a unit on the host that lives as long as this does, and what it serves."""

    def __init__(
        self,
        host: Host,
        settings: Transfer,
        bundles: list[Bundle],
        control: Control,
        run: str,
    ) -> None:
        # Not the host that the run may change at the same time: that one has its own connection, and its lock.
        self._inventory_host = host
        self._host = Host(host.name, host.inventory, host.groups, host.connector_cls)
        self._settings = settings
        self._bundles = bundles
        self._control = control
        self._run = run
        self._receiver = _Receiver(host.name, control)
        self._remote = Remote(self._host, self._receiver.tell)
        self._client: Any | None = None
        self._held: ssh.Held | None = None
        self._address = ""
        self._port = 0
        # Why it serves nothing, or nothing more.
        self._broken = ""
        self._allowed: set[str] = set()
        self._ready: set[str] = set()
        # Who waits for a blob that is still to come.
        self._waiting: dict[str, list[str]] = {}
        self._to_fill: Queue[str] = Queue()
        self.wants: Queue[BlobsWanted] = Queue()
        self._workers = [gevent.spawn(self._offer_all), gevent.spawn(self._fill_all)]

    def close(self) -> None:
        """Take everything of it away from the host."""
        gevent.killall(self._workers)
        if self._held is not None:
            self._held.release()
        if self._client is not None:
            self._client.close()

    def _offer_all(self) -> None:
        while True:
            batch = [self.wants.get()]
            while not self.wants.empty():
                batch.append(self.wants.get())
            if not self._broken:
                self._guarded(partial(self._offer, batch))
            if self._broken:
                for wanted in batch:
                    for digest in wanted.blobs:
                        self._answer(wanted.host, digest)

    def _fill_all(self) -> None:
        while True:
            digest = self._to_fill.get()
            if not self._broken:
                self._guarded(partial(self._fill, digest))
            for host in self._waiting.pop(digest, []):
                self._answer(host, digest)

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something; whatever fails breaks the relay, and nobody waits for it any longer."""
        try:
            action()
        except StaitheError as error:
            self._broken = str(error)
        except Exception as error:  # noqa: BLE001 - hosts wait for an answer
            self._broken = f"unforeseen: {type(error).__name__}: {error}"

    def _answer(self, host: str | None, digest: str) -> None:
        problem = "" if digest in self._ready else self._broken or "it does not have the blob"
        name = f"sha256/{digest.removeprefix('sha256:')}"
        address = f"[{self._address}]" if ":" in self._address else self._address
        is_itself = host == self._host.name
        self._control.tell(
            BlobReady(
                host=host,
                relay=self._host.name,
                blob=digest,
                url="" if problem or is_itself else f"http://{address}:{self._port}/{name}",
                path=f"{serving.folder_of(self._run)}/{name}" if is_itself and not problem else "",
                problem=problem,
            )
        )

    def _offer(self, batch: list[BlobsWanted]) -> None:
        """Let the hosts in, answer for what is there, and have the rest filled in."""
        if self._held is None:
            self._open()
        elif self._held.is_over:
            raise HostError("it has ended: its time limit, or somebody on the host")
        clients = {one.address: None for one in batch if one.address and one.host != self._host.name}
        new = [one for one in clients if one not in self._allowed]
        asked = {digest: None for wanted in batch for digest in wanted.blobs}
        unknown = [self._find(one)[1] for one in asked if one not in self._ready and one not in self._waiting]
        if new or unknown:
            script = serving.offer_script(
                self._run, self._port, self._address, new, unknown, self._settings.relay_time_limit_s
            )
            said = self._remote.run(script, "let hosts in, look for blobs", timeout_s=_OFFER_TIMEOUT_S)
            self._allowed.update(new)
            self._ready.update(f"sha256:{one}" for one in said.stdout.decode().split())
        for wanted in batch:
            for digest in wanted.blobs:
                if digest in self._ready:
                    self._answer(wanted.host, digest)
                    continue
                if digest not in self._waiting:
                    self._waiting[digest] = []
                    self._to_fill.put(digest)
                self._waiting[digest].append(wanted.host or "")

    def _open(self) -> None:
        """Connect, and make the host serve."""
        self._host.init(self._inventory_host.state)
        try:
            self._host.connect(show_errors=False, raise_exceptions=True)
        except ConnectError as error:
            client = getattr(self._host.connector, "client", None)
            raise ssh.connect_error(self._host.name, error, client) from error
        self._client = client = getattr(self._host.connector, "client", None)
        if client is None:
            raise HostError("it is not reached over SSH")
        self._address = self._settings.relay_address or ssh.direct_peer(client) or ""
        if not self._address or self._address.startswith(("127.", "fe80:")) or self._address == "::1":
            raise HostError(
                "its address is not known: it is reached through a jump host or a forwarded port",
                expected="transfer.relay_address, the one by which the other hosts reach it",
            )
        settings = self._settings
        ports = [settings.relay_port] if settings.relay_port else list(serving.DEFAULT_PORTS)
        script = serving.open_script(self._run, self._address, ports, settings.relay_time_limit_s)
        command = self._remote.as_root(f"sh -c {quote(script)}")
        held, answer = ssh.hold(client, command.text, stdin=command.stdin, timeout_s=_OPEN_TIMEOUT_S, beat_s=_BEAT_S)
        if not answer.startswith(_PORT):
            held.release()
            self._remote.refuse_sudo(ssh.Completed(1, b"", answer.encode(), 0.0))
            raise HostError(answer.removeprefix("staithe: ") or "it says nothing")
        self._held = held
        self._port = int(answer.removeprefix(_PORT))

    def _find(self, digest: str) -> tuple[Bundle, Blob]:
        for bundle in self._bundles:
            assert bundle.files is not None
            size_bytes = bundle.files.sizes.get(blob_name(digest), -1)
            if size_bytes >= 0:
                return bundle, Blob(digest, size_bytes, "")
        raise HostError(f"no bundle of this run has the blob {digest}")

    def _fill(self, digest: str) -> None:
        """Send a blob to the relay, once for all."""
        bundle, blob = self._find(digest)
        data = read_blob(bundle, blob, self._receiver)
        try:
            self._remote.run(
                serving.fill_script(self._run, blob),
                f"blob {blob.hex[:12]} for the relay",
                stdin=data,
                timeout_s=_FILL_TIMEOUT_S,
            )
        except DiskFull:
            raise
        except CommandFailed as error:
            raise not_arrived(blob, self._host.name, error) from error
        self._ready.add(blob.digest)
