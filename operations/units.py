"""systemd units of the engine."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.host import Session, carry_out, session
from staithe.placing import archive_of, place_script, restore_script


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
    placed = here.with_notes(files) if files else {}
    script = place_script(placed, foreign=here.foreign(files)) if files else "set -eu\n"
    if "group docker" in targets:
        script = f"getent group docker > /dev/null || groupadd --system docker\n{script}"
        here.made_group = True
    here.run(f"{script}systemctl daemon-reload\n", "units", stdin=[archive_of(placed)] if files else ())
    if files:
        here.undo.append(f"{restore_script(files)}\nsystemctl daemon-reload")
    here.verify("units", "units", "files", "users")
