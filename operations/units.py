"""systemd units of the engine."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.host import Session, carry_out, session


@operation()
def install() -> Generator[FunctionCommand, None, None]:
    """Write docker.service, docker.socket and containerd.service; make the group that owns the socket."""
    here = session(host)
    changes = here.changes("units")
    if not changes:
        host.noop("the units are as described")
        return
    yield carry_out(here, changes, lambda: _install(here, changes))


def _install(here: Session, changes: Sequence[Change]) -> None:
    assert here.desired is not None
    targets = {change.target for change in changes}
    files = {path: file for path, file in here.desired.files.items() if path in targets}
    group = "getent group docker > /dev/null || groupadd --system docker\n" if "group docker" in targets else ""
    then = f"{group}systemctl daemon-reload\n"
    here.replace(files, "units", changes, refresh=["units", "files", "users"], then=then)
    here.verify("units")
