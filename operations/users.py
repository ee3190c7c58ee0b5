"""Members of the docker group."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.former import Former, noted
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import FORMER
from staithe.shell import join


@operation()
def join_group() -> Generator[FunctionCommand, None, None]:
    """Add the described users to the docker group."""
    here = session(host)
    changes = here.changes("users")
    if not changes:
        host.noop("all are members")
        return
    names = [change.target.removesuffix(" to group docker") for change in changes]
    note = noted(here.state, changes) if here.state else Former()
    yield carry_out(here, changes, lambda: _join(here, names, note))


def _join(here: Session, names: list[str], note: Former) -> None:
    script = "".join(f"usermod -a -G docker -- {join([name])}\n" for name in names)
    here.place({FORMER: note.text()}, "docker group", refresh=["users"], then=script)
    here.verify("users")
