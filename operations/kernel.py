"""Kernel modules and sysctl values."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.host import Session, carry_out, session
from staithe.host_layout import MODULES_FILE, SYSCTL_FILE
from staithe.placing import archive_of, place_script
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
    values = [f"{change.target}={change.after}" for change in changes if change.kind == "set" and change.after]
    values = [value for value in values if not value.startswith("/")]
    script = place_script(files, foreign=here.foreign(files)) if files else "set -eu\n"
    script += "".join(f"modprobe -- {join([name])}\n" for name in modules)
    script += f"sysctl -q -w {join(values)}\n" if values else ""
    here.run(script, "kernel settings", stdin=[archive_of(files)] if files else ())
    here.verify("kernel", "kernel", "files")
