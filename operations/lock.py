"""The host's lock, taken away from a run that does not let go."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import change
from staithe.errors import StaitheError
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import LOCK


@operation()
def release() -> Generator[FunctionCommand, None, None]:
    """End what holds the host's lock; nothing where nobody does."""
    here = session(host)
    if here.state is None and here.error is None:
        _look(here)
    if here.error is None and not here.planned:
        host.noop("nobody holds the lock")
        return
    yield carry_out(here, here.planned, lambda: _end(here), needs_lock=False)


def _look(here: Session) -> None:
    here.look()
    if here.error is not None:
        return
    try:
        holder = here.lock.holder()
    except StaitheError as error:
        here.error = error
        return
    if holder is not None:
        here.planned = (change("lock", "remove", LOCK, f"held by {holder}"),)


def _end(here: Session) -> None:
    if here.error is not None:
        raise here.error
    here.lock.end()
