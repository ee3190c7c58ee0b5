"""The engine's programs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.engine import StaticEngine
from staithe.host.arrival import bring, time_limit_s
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import ENGINE_CURRENT
from staithe.journal import keep_current_text, keep_text
from staithe.placing import receive_engine_script, switch_engine_script
from staithe.relay.origin import Origin
from staithe.relay.pulling import pull_engine_script
from staithe.shell import join


@operation()
def unpack() -> Generator[FunctionCommand, None, None]:
    """Unpack the engine into its versioned directory, where it disturbs nothing that runs."""
    here = session(host)
    changes = tuple(change for change in here.changes("binaries") if _is_unpacked(here, change))
    if not changes:
        host.noop("the programs are unpacked")
        return
    yield carry_out(here, changes, lambda: _place(here))


@operation()
def install() -> Generator[FunctionCommand, None, None]:
    """Switch /usr/bin to the unpacked engine in one step; where packages bring the programs, take the links away."""
    here = session(host)
    changes = tuple(change for change in here.changes("binaries") if not _is_unpacked(here, change))
    if not changes:
        host.noop("the programs are in place")
        return
    is_static = isinstance(here.desired and here.desired.engine, StaticEngine)
    yield carry_out(here, changes, lambda: _switch(here) if is_static else _unlink(here, changes))


def _is_unpacked(here: Session, change: Change) -> bool:
    """Whether a change is the unpacking of a static engine, rather than what makes its programs the host's."""
    return isinstance(here.desired and here.desired.engine, StaticEngine) and change.target != ENGINE_CURRENT


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
