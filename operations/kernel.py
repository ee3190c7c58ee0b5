"""Kernel modules and sysctl values."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import MODULES_FILE, SYSCTL_FILE
from staithe.journal import keep_sysctl_text
from staithe.shell import join


@operation()
def configure() -> Generator[FunctionCommand, None, None]:
    """Load the modules, set the values, and write both down for the next boot."""
    here = session(host)
    changes = here.changes("kernel")
    if not changes:
        host.noop("modules are loaded and values are set")
        return
    yield carry_out(here, changes, lambda: _configure(here, changes))


def _configure(here: Session, changes: Sequence[Change]) -> None:
    assert here.desired is not None
    targets = {change.target for change in changes}
    files = {path: here.desired.files[path] for path in (MODULES_FILE, SYSCTL_FILE) if path in targets}
    modules = [change.target.removeprefix("module ") for change in changes if change.kind == "load"]
    # A module brings its own keys, so modules come first.
    settings = [change for change in changes if change.kind == "set" and not change.target.startswith("/")]
    script = "".join(f"modprobe -- {join([name])}\n" for name in modules)
    script += keep_sysctl_text({one.target: one.before for one in settings if one.before is not None})
    script += f"sysctl -q -w {join(f'{one.target}={one.after}' for one in settings)}\n" if settings else ""
    here.replace(files, "kernel settings", changes, refresh=["kernel", "files"], then=script)
    here.verify("kernel")
