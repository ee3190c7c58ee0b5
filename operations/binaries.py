"""The engine's programs."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.errors import CommandFailed, DiskFull
from staithe.host import Session, carry_out, session
from staithe.host_layout import ENGINE_CURRENT
from staithe.placing import receive_engine_script, switch_engine_script
from staithe.transfer import not_arrived, read_blob

# 70 MiB over a slow line: 30 KiB/s still arrives.
_TRANSFER_TIMEOUT_S = 2400.0


@operation()
def install() -> Generator[FunctionCommand, None, None]:
    """Unpack the engine into its versioned directory, then switch /usr/bin to it in one step."""
    here = session(host)
    changes = here.changes("binaries")
    if not changes:
        host.noop("the programs are in place")
        return
    placing = tuple(change for change in changes if change.target != ENGINE_CURRENT)
    if placing:
        yield carry_out(here, placing, lambda: _place(here))
    switching = tuple(change for change in changes if change.target == ENGINE_CURRENT)
    if switching:
        yield carry_out(here, switching, lambda: _switch(here))


def _place(here: Session) -> None:
    assert here.desired is not None
    engine = here.desired.engine
    blobs = read_blob(here.desired.bundle.open(engine.archive), engine.archive, here)
    try:
        with here.receiving():
            here.alter(
                receive_engine_script(engine),
                "unpack the engine",
                refresh=["engine"],
                stdin=blobs,
                timeout_s=_TRANSFER_TIMEOUT_S,
            )
    except DiskFull:
        raise
    except CommandFailed as error:
        raise not_arrived(here.desired.bundle, engine.archive, here.name, error) from error


def _switch(here: Session) -> None:
    assert here.desired is not None and here.state is not None
    script = switch_engine_script(here.desired.engine.directory, here.desired.programs, here.journal_opening)
    here.is_journaled = True
    here.alter(script, "switch to the engine", refresh=["engine"])
    here.verify("binaries")
