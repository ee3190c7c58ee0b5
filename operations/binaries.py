"""The engine's programs."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.host import Session, carry_out, session
from staithe.host.arrival import bring, time_limit_s
from staithe.host_layout import ENGINE_CURRENT
from staithe.placing import receive_engine_script, switch_engine_script
from staithe.relay.origin import Origin
from staithe.relay.pulling import pull_engine_script


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

    def receive(origin: Origin | None, stdin: Iterable[bytes]) -> None:
        script = pull_engine_script(engine, origin) if origin else receive_engine_script(engine)
        here.alter(
            script,
            "unpack the engine",
            refresh=["engine"],
            stdin=stdin,
            timeout_s=time_limit_s(engine.archive, origin),
        )

    bring(here, engine.archive, receive)


def _switch(here: Session) -> None:
    assert here.desired is not None and here.state is not None
    script = switch_engine_script(here.desired.engine.directory, here.desired.programs, here.journal_opening)
    here.is_journaled = True
    here.alter(script, "switch to the engine", refresh=["engine"])
    here.verify("binaries")
