"""The engine's services: enabled, running with what is described, healthy - or back to the former state."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.errors import CommandFailed, CommandTimeout, EngineUnhealthy
from staithe.former import noted
from staithe.health import ENDED, health_text, watch_text
from staithe.host.attachment import session
from staithe.host.engine_log import engine_words
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import FORMER, JOURNAL, RUNNING
from staithe.journal import keep_units_text, settle_text
from staithe.record import running_text
from staithe.shell import join

# A shim that outlived its container answers for it still, and another containerd does not understand it: the
# container would not come back. One that has a process below it carries a container that outlives the engine.
_END_SHIMS = """for exe in /proc/[0-9]*/exe; do
  case $(readlink "$exe" 2>/dev/null || :) in *containerd-shim*) ;; *) continue ;; esac
  pid=${exe#/proc/}
  pid=${pid%/exe}
  case $(tr '\\0' ' ' < /proc/"$pid"/cmdline 2>/dev/null || :) in *' -namespace moby '*) ;; *) continue ;; esac
  if [ -z "$(ps -o pid= --ppid "$pid" || :)" ]; then kill -KILL "$pid" 2>/dev/null || :; fi
done"""


@operation()
def run() -> Generator[FunctionCommand, None, None]:
    """Enable, start, restart or reload what the state asks for, and wait until the engine answers."""
    here = session(host)
    changes = here.changes("service")
    if here.is_journaled and all(change.target == JOURNAL for change in changes):
        # What this run replaced means nothing to the engine that runs, so it is settled as it is.
        yield carry_out(here, (), lambda: _settle(here))
        return
    if not changes:
        host.noop("the engine runs with what is described")
        return
    yield carry_out(here, changes, lambda: _run(here, changes))


def _settle(here: Session) -> None:
    watch_s = here.config.service.watch_s
    try:
        here.alter(
            f"set -eu\n{watch_text(watch_s)}{settle_text()}",
            "settle the journal",
            refresh=["files"],
            timeout_s=120 + watch_s,
        )
    except (CommandFailed, CommandTimeout) as error:
        raise _unhealthy(here, error) from error
    here.is_journaled = False


def _run(here: Session, changes: Sequence[Change]) -> None:
    assert here.state is not None and here.desired is not None
    timeout_s = here.config.service.health_timeout_s
    watch_s = here.config.service.watch_s
    script = here.journal_opening + keep_units_text(here.state) + _script(changes, timeout_s) + watch_text(watch_s)
    here.is_journaled = True
    try:
        here.place(
            {FORMER: noted(here.state, changes).text()},
            "start the engine",
            refresh=["units", "docker"],
            then=script,
            timeout_s=timeout_s * 3 + watch_s + 30,
        )
    except (CommandFailed, CommandTimeout) as error:
        raise _unhealthy(here, error) from error
    fresh = frozenset(_targets(changes, "restart") + _targets(changes, "start") + _targets(changes, "reload"))
    running = running_text(here.state, here.desired, fresh)
    here.place({RUNNING: running}, "note what runs, settle", refresh=["files"], then=settle_text())
    here.is_journaled = False
    here.verify("service")


def _unhealthy(here: Session, error: CommandFailed | CommandTimeout) -> EngineUnhealthy:
    service = here.config.service
    has_answered = ENDED in f"{error.found}"
    what = f"did not stay up for {service.watch_s} s" if has_answered else "did not become healthy"
    within = "" if has_answered else f" within {service.health_timeout_s} s"
    return EngineUnhealthy(
        f"the engine {what}{within}",
        found=engine_words(here) or error.found,
        hint=f"staithe logs {here.name}   # and on the host: journalctl -u docker",
    )


def _targets(changes: Sequence[Change], kind: str) -> tuple[str, ...]:
    return tuple(change.target for change in changes if change.kind == kind)


def _script(changes: Sequence[Change], timeout_s: int) -> str:
    """Return the shell text for all changes; fails when the engine does not answer in time.

    systemd knows the units as they are on the disk: the units component has made sure of that.
    """
    lines = []
    enable = [c.target for c in changes if c.kind == "enable" and c.after == "enabled"]
    disable = [c.target for c in changes if c.kind == "enable" and c.after == "disabled"]
    restarts, reloads = _targets(changes, "restart"), _targets(changes, "reload")
    if enable:
        lines.append(f"systemctl -q enable {join(enable)}")
    if disable:
        lines.append(f"systemctl -q disable {join(disable)}")
    if restarts or _targets(changes, "start"):
        # A unit that failed too often is not started again before its counter is reset.
        lines.append("systemctl reset-failed containerd.service docker.service docker.socket 2>/dev/null || :")
    if "docker.service" in restarts and (len(restarts) > 1 or _targets(changes, "start")):
        # systemctl asks for one after the other: containerd would be gone before docker has stopped its containers.
        # And a socket does not listen for an engine that runs already.
        lines.append(f"timeout {timeout_s} systemctl stop docker.socket docker.service\n{_END_SHIMS}")
    for verb, units in (("start", _targets(changes, "start")), ("restart", restarts), ("reload", reloads)):
        if units:
            lines.append(f"timeout {timeout_s} systemctl {verb} {join(units)}")
    lines.append(health_text(timeout_s))
    return "\n".join(lines)
