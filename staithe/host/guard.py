"""The guard around every change: nothing escapes it, every failure is a typed error and undone where it can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pyinfra import logger
from pyinfra.api.command import FunctionCommand

from staithe import journal
from staithe.change import Change
from staithe.errors import ConnectionLost, HostError, HostLocked, Interrupted, NotRolledBack, StaitheError
from staithe.events import ChangeDone, ChangeStarted
from staithe.host.remote import last_lines
from staithe.host.session import Session
from staithe.ssh import Completed
from staithe.visible import visible

if TYPE_CHECKING:
    from pyinfra.api.host import Host
    from pyinfra.api.state import State


def carry_out(
    session: Session, changes: Sequence[Change], action: Callable[[], None], *, needs_lock: bool = True
) -> FunctionCommand:
    """Make the command that does `action` for `changes`: nothing escapes it, every failure is a typed error."""

    def guarded(state: State, host: Host) -> bool:
        began = time.monotonic()
        try:
            if session.is_cancelled():
                raise Interrupted("stopped before this change")
            if changes and needs_lock:
                session.lock.acquire()
            for change in changes:
                session.emit(ChangeStarted(host=session.name, component=change.component, change_id=change.id))
            action()
        except StaitheError as error:
            _report(session, error)
            _roll_back(session, error)
            return False
        except Exception as error:  # noqa: BLE001 - anything else would end in pyinfra's traceback
            logger.debug("unforeseen", exc_info=True)
            unforeseen = HostError(f"unforeseen: {type(error).__name__}: {error}")
            _report(session, unforeseen)
            _roll_back(session, unforeseen)
            return False
        seconds = round(time.monotonic() - began, 3)
        for change in changes:
            session.done.append(change.id)
            session.emit(
                ChangeDone(host=session.name, component=change.component, change_id=change.id, seconds=seconds)
            )
        return True

    return FunctionCommand(guarded, (), {})


def _roll_back(session: Session, error: StaitheError) -> None:
    """Bring the former state back; without a connection the next run mends what this one left."""
    if isinstance(error, ConnectionLost | HostLocked | Interrupted):
        return
    try:
        if _bring_back(session) and session.error is not None:
            session.error.message += "; what this run had replaced is back as it was"
    except StaitheError as second:
        session.error = NotRolledBack(
            f"{second.message}, after: {error}", found=second.found, hint=second.hint or error.hint
        )
        logger.error(visible(f"[{session.name}] error {session.error.code}: {session.error}"))


def _bring_back(session: Session) -> bool:
    """Bring back what the journal holds, if no healthy engine has settled it; tell whether there was anything.

    Raises NotRolledBack when the engine of the former state does not run either.
    """
    if not session.is_journaled:
        return False
    session.is_journaled = False
    timeout_s = session.config.service.health_timeout_s
    script = journal.former_state_script(timeout_s)
    result = session.run(script, "bring the former state back", timeout_s=300 + timeout_s, check=False)
    session.done = [one for one in session.done if not one.startswith(journal.UNDONE)]
    if result.exit_code != 0:
        raise NotRolledBack(
            "the former state did not come back whole",
            found=_lost(result) or last_lines(result),
            hint=f"staithe logs {session.name}   # then, when the cause is mended: apply again",
        )
    return True


def _lost(result: Completed) -> str:
    """Return what did not come back, all of it."""
    lines = result.stderr.decode("utf-8", "replace").splitlines()
    return "; ".join(line.removeprefix("staithe: ") for line in lines if line.endswith(" did not come back"))


def _report(session: Session, error: StaitheError) -> None:
    session.fail(error)
    text = f"[{session.name}] error {error.code}: {error}" + (f"\n    try: {error.hint}" if error.hint else "")
    logger.error(visible(text))
