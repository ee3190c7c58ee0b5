"""systemd units of the engine."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import PurePosixPath

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.journal import keep_text
from staithe.probe.state import Unit
from staithe.shell import join


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
    gone = [change.target for change in changes if change.kind == "remove"]
    without = f"{keep_text(gone)}rm -f {join(gone)}\n" if gone else ""
    then = f"{group}{without}systemctl daemon-reload\n{_enabled_anew(here, gone)}"
    here.replace(files, "units", changes, refresh=["units", "files", "users"], then=then)
    here.verify("units")


def _enabled_anew(here: Session, gone: Sequence[str]) -> str:
    """Return the shell text that leads the links of enabled units from the files that go to the packages' own."""
    assert here.state is not None
    names = [PurePosixPath(path).name for path in gone]
    enabled = [name for name in names if here.state.units.get(name, Unit()).unit_file_state == "enabled"]
    return f"systemctl -q reenable {join(enabled)}\n" if enabled else ""
