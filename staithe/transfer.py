"""Reads blobs for a host, telling how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from staithe.bundle.contents import Blob
from staithe.errors import Interrupted
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


def read_blob(path: Path, blob: Blob, receiver: Receiver) -> Iterator[bytes]:
    """Yield the blob piece by piece; tell the bytes sent twice a second; stop when the run is cancelled."""
    sent, told = 0, 0.0
    with path.open("rb") as file:
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
