"""daemon.json."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.errors import CommandFailed, ConfigRefused
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import DAEMON_JSON
from staithe.placing import staged
from staithe.shell import quote

# The unit's own flags: a key that stands in both is refused by the engine, so they are part of the check.
_UNIT_FLAGS = "-H fd:// --containerd=/run/containerd/containerd.sock"
_REFUSED = 67
# What engines before 23.0 say, which have no --validate: the configuration's own types are all there is then.
_UNKNOWN = "'unknown flag: --validate'* | 'Status: unknown flag: --validate'*"


@operation()
def configure() -> Generator[FunctionCommand, None, None]:
    """Write daemon.json after the engine that is to run with it has accepted it."""
    here = session(host)
    changes = here.changes("daemon")
    if not changes:
        host.noop("daemon.json is as described")
        return
    yield carry_out(here, changes, lambda: _configure(here, changes))


def _configure(here: Session, changes: Sequence[Change]) -> None:
    assert here.desired is not None
    files = {DAEMON_JSON: here.desired.files[DAEMON_JSON]}
    dockerd = quote(here.desired.engine.program("dockerd"))
    file = quote(staged(DAEMON_JSON))
    validate = f"""said=$({dockerd} --validate --config-file {file} {_UNIT_FLAGS} 2>&1) || case $said in
  {_UNKNOWN}) ;;
  *) printf '%s\\n' "$said" >&2; exit {_REFUSED} ;;
esac"""
    try:
        here.replace(files, "daemon.json", changes, refresh=["files"], validate=validate)
    except CommandFailed as error:
        if f"exit code {_REFUSED}" not in error.message:
            raise
        raise ConfigRefused(
            "the engine refuses daemon.json",
            found=error.found,
            hint="correct `daemon` in the group data, then: staithe config check INVENTORY",
        ) from error
    here.verify("daemon")
