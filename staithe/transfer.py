"""Reads blobs for a host, telling how far it is."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import IO, Protocol

from staithe.bundle.contents import Blob, Bundle
from staithe.errors import BundleError, CommandFailed, Interrupted, TransferFailed
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


def read_blob(bundle: Bundle, blob: Blob, receiver: Receiver) -> Iterator[bytes]:
    """Yield the blob piece by piece, the last one only when all of them are what the bundle says; else BundleError.

    So what was changed since the bundle was checked never arrives whole. Tells the bytes sent twice a second; stops
    when the run is cancelled.
    """
    digest, last, read, told = hashlib.sha256(), b"", 0, 0.0
    with bundle.open(blob) as stream:
        while data := _read(stream, bundle):
            if receiver.stopped():
                raise Interrupted("stopped while a blob was on its way; nothing of it is left on the host")
            digest.update(data)
            read += len(data)
            # What goes out before the end is less than the blob, however long the file has become.
            if read > blob.size_bytes:
                break
            if last:
                yield last
                if time.monotonic() - told > _TELL_EVERY_S:
                    told = time.monotonic()
                    receiver.tell(_sent(blob, read - len(data), receiver))
            last = data
    if digest.hexdigest() != blob.hex:
        raise _changed_here(bundle, blob)
    yield last
    receiver.tell(_sent(blob, read, receiver))


def _read(stream: IO[bytes], bundle: Bundle) -> bytes:
    try:
        return stream.read(_READ_BYTES)
    except OSError as error:
        # Whoever writes to the host would take it for an error of the line.
        raise BundleError(f"cannot be read: {error.strerror}", where=str(bundle.root)) from error


def _sent(blob: Blob, sent_bytes: int, receiver: Receiver) -> Transferred:
    return Transferred(host=receiver.name, blob=blob.digest, sent_bytes=sent_bytes, total_bytes=blob.size_bytes)


def read_whole(bundle: Bundle, blob: Blob) -> bytes:
    """Return a small blob; raises BundleError when it was changed since the bundle was checked."""
    with bundle.open(blob) as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != blob.hex:
        raise _changed_here(bundle, blob)
    return content


def not_arrived(blob: Blob, host: str, error: CommandFailed) -> TransferFailed:
    """Return why a blob did not arrive whole: it suffered on its way."""
    return TransferFailed(
        f"blob {blob.hex[:12]} did not arrive whole", found=error.found, hint=f"staithe logs {host}"
    )


def _changed_here(bundle: Bundle, blob: Blob) -> BundleError:
    return BundleError(
        f"the blob {blob.hex} was changed on this machine since the bundle was checked; nothing of it is used",
        where=str(bundle.root),
        hint="find out who changes it; make the bundle again, or copy it again",
    )
