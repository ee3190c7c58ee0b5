"""A host's turn to receive blobs: the command line hands the turns out, over all runners."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from staithe.errors import Interrupted
from staithe.events import UploadAsked, UploadEnded
from staithe.runner.control import Control


@contextmanager
def receiving(control: Control, host: str) -> Iterator[None]:
    """Wait for the host's turn, and give it back at the end."""
    turn = control.upload_turn(host)
    control.tell(UploadAsked(host=host))
    try:
        turn.wait()
        if control.cancelled:
            raise Interrupted("stopped while it waited for its turn to receive")
        yield
    finally:
        turn.clear()
        control.tell(UploadEnded(host=host))
