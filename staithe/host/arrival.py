"""A blob on its way to a host: pulled where the configuration says so, else, and when that fails, over SSH."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from staithe.bundle.contents import Blob
from staithe.errors import CommandFailed, DiskFull
from staithe.events import Pulling
from staithe.host.session import Session
from staithe.relay.origin import Origin
from staithe.relay.pulling import SAYS
from staithe.transfer import not_arrived, read_blob

# 70 MiB over a slow line: 30 KiB/s still arrives.
TRANSFER_TIMEOUT_S = 2400.0

# Runs what the origin, or None, asks for, with this on its stdin.
Receive = Callable[[Origin | None, Iterable[bytes]], None]


def bring(here: Session, blob: Blob, receive: Receive) -> None:
    """Bring a blob to the host, in its turn; raises DiskFull, TransferFailed and what `receive` raises."""
    assert here.desired is not None
    here.supply.wait(blob)
    with here.receiving():
        # Only now: what a registry gives to be let in does not live long.
        origin = here.supply.origin(blob)
        if origin is not None and _is_pulled(here, blob, origin, receive):
            return
        data = read_blob(here.desired.bundle.open(blob), blob, here)
        try:
            receive(None, data)
        except DiskFull:
            raise
        except CommandFailed as error:
            raise not_arrived(here.desired.bundle, blob, here.name, error) from error


def _is_pulled(here: Session, blob: Blob, origin: Origin, receive: Receive) -> bool:
    here.tell(Pulling(host=here.name, blob=blob.digest, total_bytes=blob.size_bytes, origin=origin.name))
    try:
        receive(origin, [origin.login.encode()])
    except DiskFull:
        raise
    except CommandFailed as error:
        here.supply.give_up(blob, f"blob {blob.hex[:12]} from {origin.name}: {_reason(error)}; sent by SSH instead")
        return False
    return True


def _reason(error: CommandFailed) -> str:
    said = (error.found or error.message).split(" | ")
    told = [line.removeprefix(SAYS) for line in said if line.startswith(SAYS)]
    return told[-1] if told else " | ".join(said)
