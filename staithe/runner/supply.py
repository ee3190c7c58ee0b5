"""A host's way to its blobs as the runner knows it: from a relay, which another runner may keep."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from functools import partial

from pyinfra.api.host import Host

from staithe import ssh
from staithe.bundle.contents import Blob
from staithe.config import Config
from staithe.errors import Interrupted
from staithe.events import BlobsWanted, Notice
from staithe.messages import Start
from staithe.relay.origin import Origin, OverSsh, Supply
from staithe.runner.control import Control


def supply_of(start: Start, control: Control, host: Host, config: Config) -> Supply:
    """Return the way that the configuration describes."""
    relay = config.transfer.relay
    if start.mode != "apply":
        return OverSsh()
    if config.transfer.registry is not None:
        from staithe.runner.registry_supply import FromRegistry

        return FromRegistry(control, host.name, config.transfer)
    return OverSsh() if relay is None else FromRelay(control, host.name, relay, partial(_address_of, host))


def _address_of(host: Host) -> str | None:
    """Return the address by which this machine reaches the host; behind a jump host what the inventory says."""
    client = getattr(host.connector, "client", None)
    peer = ssh.direct_peer(client) if client is not None else None
    if peer is not None:
        return peer
    try:
        return str(ipaddress.ip_address(host.data.get("ssh_hostname") or host.name))
    except ValueError:
        return None


class FromRelay:
    """Asks a relay for each blob, and waits for its word."""

    def __init__(self, control: Control, host: str, relay: str, address: Callable[[], str | None]) -> None:
        """`address` returns the host's own, as this machine sees it."""
        self._control = control
        self._host = host
        self._relay = relay
        self._address = address
        self._asked: set[str] = set()
        self._gave_up = False

    def announce(self, blobs: Sequence[Blob]) -> None:
        """Ask for blobs that were not asked for yet."""
        new = [blob for blob in blobs if blob.digest not in self._asked]
        if not new or self._gave_up:
            return
        self._asked.update(blob.digest for blob in new)
        for blob in new:
            # Before the question, so that no answer is missed.
            self._control.relay_answer(self._host, blob.digest)
        wanted = [blob.digest for blob in new]
        self._control.tell(BlobsWanted(host=self._host, relay=self._relay, address=self._address(), blobs=wanted))

    def wait(self, blob: Blob) -> None:
        """Wait until the relay has the blob, or says that it will not have it."""
        self.announce([blob])
        if not self._gave_up:
            self._control.relay_answer(self._host, blob.digest).wait()

    def origin(self, blob: Blob) -> Origin | None:
        """Return where the relay has the blob, after a wait; None when it has not and will not."""
        self.wait(blob)
        if self._gave_up:
            return None
        ready = self._control.relay_answer(self._host, blob.digest).get()
        if self._control.cancelled:
            raise Interrupted("stopped while it waited for the relay")
        problem = "the runner that kept it has ended" if ready is None else ready.problem
        if ready is None or problem:
            self.give_up(blob, f"relay {self._relay}: {problem}; blobs are sent by SSH instead")
            return None
        return Origin(name=f"relay {self._relay}", url=ready.url, path=ready.path)

    def give_up(self, blob: Blob, reason: str) -> None:
        """Take the rest over SSH: what failed once is not waited for again."""
        self._gave_up = True
        self._control.tell(Notice(host=self._host, text=reason))
