"""The host is probed once, checked and planned; a host that cannot carry what is described is refused here."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import logger
from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.errors import HostRefused
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.visible import visible


@operation()
def check() -> Generator[FunctionCommand, None, None]:
    """Probe and plan the host; refuse it when it cannot carry what is described, claim it when it needs changes."""
    here = session(host)
    if here.state is None and here.error is None:
        here.begin()
    if here.ready:
        if here.planned:
            yield carry_out(here, (), here.claim)
        return
    # Yielded, not raised: an exception while preparing would stop all hosts.
    yield carry_out(here, (), lambda: _refuse(here))


def _refuse(here: Session) -> None:
    if here.error is not None:
        raise here.error
    for problem in here.problems:
        logger.error(visible(f"[{here.name}] {problem.code}: {problem.message} (found {problem.found})"))
    noun = "problem" if len(here.problems) == 1 else "problems"
    raise HostRefused(
        f"{len(here.problems)} {noun}; the host was not touched",
        hint=f"staithe preflight INVENTORY --limit {here.name}",
    )
