"""The engine's programs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.engine import StaticEngine
from staithe.host import Session, carry_out, session
from staithe.host.arrival import bring, time_limit_s
from staithe.host_layout import ENGINE_CURRENT
from staithe.journal import keep_current_text, keep_text
from staithe.placing import receive_engine_script, switch_engine_script
from staithe.relay.origin import Origin
from staithe.relay.pulling import pull_engine_script
from staithe.shell import join


@operation()
def install() -> Generator[FunctionCommand, None, None]:
    """Unpack the engine into its versioned directory, then switch /usr/bin to it in one step."""
    here = session(host)
    changes = here.changes("binaries")
    if not changes:
        host.noop("the programs are in place")
        return
    placing = tuple(change for change in changes if change.target != ENGINE_CURRENT)
    if not isinstance(here.desired and here.desired.engine, StaticEngine):
        yield carry_out(here, changes, lambda: _unlink(here, changes))
        return
    if placing:
        yield carry_out(here, placing, lambda: _place(here))
    switching = tuple(change for change in changes if change.target == ENGINE_CURRENT)
    if switching:
        yield carry_out(here, switching, lambda: _switch(here))


def _unlink(here: Session, changes: Sequence[Change]) -> None:
    paths = [change.target for change in changes]
    links = [path for path in paths if path != ENGINE_CURRENT]
    # The links in /usr/bin lead nowhere without it, so it goes last.
    script = keep_text(links) if links else ""
    script += keep_current_text() + f"rm -f {join((*links, ENGINE_CURRENT))}\n"
    here.replace({}, "take staithe's links away", changes, refresh=["engine"], then=script)
    here.verify("binaries")


def _static(here: Session) -> StaticEngine:
    assert here.desired is not None and isinstance(here.desired.engine, StaticEngine)
    return here.desired.engine


def _place(here: Session) -> None:
    engine = _static(here).artifact

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
    engine = _static(here)
    script = switch_engine_script(
        engine.artifact.directory, engine.programs, here.journal_opening, taking_over=here.config.engine.take_over
    )
    here.is_journaled = True
    here.alter(script, "switch to the engine", refresh=["engine"])
    here.verify("binaries")
