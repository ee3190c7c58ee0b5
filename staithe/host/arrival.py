"""A blob on its way to a host: pulled where the configuration says so, else, and when that fails, over SSH."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from staithe.bundle.contents import Blob
from staithe.errors import CommandFailed, DiskFull
from staithe.events import Pulling
from staithe.host.session import Session
from staithe.placing import receive_blob_script
from staithe.relay.origin import Origin
from staithe.relay.pulling import SAYS, pull_blob_script
from staithe.transfer import not_arrived, read_blob

# 70 MiB over a slow line: 30 KiB/s still arrives.
_SLOW_BYTES_PER_S = 30 << 10
_SSH_LIMIT_S = 2400.0
# To ask, to answer and to check, however small the blob is.
_LEAST_S = 60.0

# Runs what the origin, or None, asks for, with this on its stdin.
Receive = Callable[[Origin | None, Iterable[bytes]], None]


def time_limit_s(blob: Blob, origin: Origin | None) -> float:
    """Return how long a blob may be on its way; SSH, after which nothing else is tried, has the whole time."""
    if origin is None:
        return _SSH_LIMIT_S
    return min(_SSH_LIMIT_S, _LEAST_S + blob.size_bytes // _SLOW_BYTES_PER_S)


def bring(here: Session, blob: Blob, receive: Receive) -> None:
    """Bring a blob to the host, in its turn; raises DiskFull, TransferFailed and what `receive` raises."""
    assert here.desired is not None
    here.supply.wait(blob)
    with here.receiving():
        # Only now: what a registry gives to be let in does not live long.
        origin = here.supply.origin(blob)
        if origin is not None and _is_pulled(here, blob, origin, receive):
            return
        data = read_blob(here.desired.bundle, blob, here)
        try:
            receive(None, data)
        except DiskFull:
            raise
        except CommandFailed as error:
            raise not_arrived(blob, here.name, error) from error


def bring_blob(here: Session, blob: Blob) -> None:
    """Bring a blob into the host's folder of blobs."""

    def receive(origin: Origin | None, stdin: Iterable[bytes]) -> None:
        script = pull_blob_script(blob, origin) if origin else receive_blob_script(blob)
        here.run(script, f"blob {blob.hex[:12]}", stdin=stdin, timeout_s=time_limit_s(blob, origin))

    bring(here, blob, receive)


def _is_pulled(here: Session, blob: Blob, origin: Origin, receive: Receive) -> bool:
    here.tell(Pulling(host=here.name, blob=blob.digest, total_bytes=blob.size_bytes, origin=origin.name))
    began = time.monotonic()
    try:
        receive(origin, [origin.login.encode()])
    except DiskFull:
        raise
    except CommandFailed as error:
        limit_s = time_limit_s(blob, origin)
        is_late = time.monotonic() - began >= limit_s
        reason = _said(error) or (f"not whole after {limit_s:.0f} s" if is_late else error.found or error.message)
        here.supply.give_up(blob, f"blob {blob.hex[:12]} from {origin.name}: {reason}; sent by SSH instead")
        return False
    return True


def _said(error: CommandFailed) -> str | None:
    """Return what the script said of the origin; None when it had no time to."""
    lines = (error.found or "").split(" | ")
    told = [line.removeprefix(SAYS) for line in lines if line.startswith(SAYS)]
    return told[-1] if told else None
