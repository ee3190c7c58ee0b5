"""Reads blobs for a host, telling how far it is."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import IO, Protocol

from staithe.bundle.contents import Blob, Bundle
from staithe.errors import BundleError, CommandFailed, Interrupted, StaitheError, TransferFailed
from staithe.events import Event, Transferred

# What one packet of SSH carries, as paramiko fills it for OpenSSH: a larger piece would be cut up, with a rest.
_READ_BYTES = (1 << 15) - 64
_TELL_EVERY_S = 0.5


class Receiver(Protocol):
    """What a transfer needs to know of a host's session."""

    @property
    def name(self) -> str: ...

    def tell(self, event: Event) -> None: ...

    def stopped(self) -> bool: ...


def read_blob(stream: IO[bytes], blob: Blob, receiver: Receiver) -> Iterator[bytes]:
    """Yield the blob out of `stream` piece by piece, and close it.

    Tells the bytes sent twice a second; stops when the run is cancelled.
    """
    sent, told = 0, 0.0
    with stream as file:
        while data := file.read(_READ_BYTES):
            if receiver.stopped():
                raise Interrupted("stopped while a blob was on its way; nothing of it is left on the host")
            yield data
            sent += len(data)
            if time.monotonic() - told > _TELL_EVERY_S or sent == blob.size_bytes:
                told = time.monotonic()
                receiver.tell(
                    Transferred(host=receiver.name, blob=blob.digest, sent_bytes=sent, total_bytes=blob.size_bytes)
                )


def read_whole(bundle: Bundle, blob: Blob) -> bytes:
    """Return a small blob; raises BundleError when it was changed since the bundle was checked."""
    with bundle.open(blob) as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != blob.hex:
        raise _changed_here(bundle, blob)
    return content


def not_arrived(bundle: Bundle, blob: Blob, host: str, error: CommandFailed) -> StaitheError:
    """Return why a blob did not arrive whole: it was changed here since it was checked, or it suffered on its way."""
    digest = hashlib.sha256()
    with bundle.open(blob) as stream:
        while data := stream.read(_READ_BYTES):
            digest.update(data)
    if digest.hexdigest() != blob.hex:
        return _changed_here(bundle, blob)
    return TransferFailed(
        f"blob {blob.hex[:12]} did not arrive whole", found=error.found, hint=f"staithe logs {host}"
    )


def _changed_here(bundle: Bundle, blob: Blob) -> BundleError:
    return BundleError(
        f"the blob {blob.hex} was changed on this machine since the bundle was checked; nothing of it is used",
        where=str(bundle.root),
        hint="find out who changes it; make the bundle again, or copy it again",
    )
