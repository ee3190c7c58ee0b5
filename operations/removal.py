"""staithe taken away from a host."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe import events
from staithe.errors import CommandFailed, StaitheError
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.plan import removal
from staithe.removal_script import STOP_TIMEOUT_S, removal_script

# Emptying a large data folder takes its time.
_TIMEOUT_S = 1800.0 + STOP_TIMEOUT_S


@operation()
def take_away(purge_data: bool = False) -> Generator[FunctionCommand, None, None]:
    """Leave the host as it was before staithe's first touch; with `purge_data` without the engine's data too."""
    here = session(host)
    if here.state is None and here.error is None:
        _look(here, purge_data)
    if here.error is None and not here.planned:
        host.noop("staithe has never been here")
        return
    yield carry_out(here, here.planned, lambda: _take_away(here, purge_data))


def _look(here: Session, purge_data: bool) -> None:
    here.look()
    if here.state is None:
        return
    try:
        here.planned = removal.changes(here.state, here.config, purge_data=purge_data)
    except StaitheError as error:
        here.error = error
        return
    remains = removal.remains(here.state, here.config, purge_data=purge_data)
    here.emit(events.HostRemains(host=here.name, remains=list(remains)))


def _take_away(here: Session, purge_data: bool) -> None:
    if here.error is not None:
        raise here.error
    # The host is locked now: what another run changed since the plan was made is seen.
    state = here.probe()
    changes = removal.changes(state, here.config, purge_data=purge_data)
    here.hold_to_plan(state, changes)
    files = removal.managed_files(state)
    folders = removal.data_to_purge(state, here.config) if purge_data else ()
    script = removal_script(changes, files, [one for one in files if removal.was_changed(state, one)], folders)
    here.run(script, "take staithe away", timeout_s=_TIMEOUT_S)
    after = here.probe()
    left = removal.changes(after, here.config, purge_data=purge_data)
    if left:
        raise CommandFailed(
            f"{left[0].target} is still there", found=left[0].reason, hint=f"staithe logs {here.name}"
        )
    if after.docker_group.exists and any(one.target == "group docker" for one in changes):
        remains = removal.remains(state, here.config, purge_data=purge_data)
        words = "group docker: somebody's primary group"
        here.emit(events.HostRemains(host=here.name, remains=[*remains, words]))
