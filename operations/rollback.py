"""A host back at a generation that it keeps."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.change import Change
from staithe.errors import CommandFailed, CommandTimeout, EngineUnhealthy, StaitheError
from staithe.generations import LIST_SCRIPT, chosen, entry_of, read_generations, remember_text
from staithe.health import health_text
from staithe.host.attachment import session
from staithe.host.engine_log import engine_words
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import DAEMON_JSON, GENERATIONS, RECORD
from staithe.journal import settle_text
from staithe.plan import rollback
from staithe.record import Record, read_record
from staithe.rollback_script import rollback_script

_TIMEOUT_S = 900.0


@operation()
def go_back() -> Generator[FunctionCommand, None, None]:
    """Bring programs, packages, units and files back as they were in a former generation; images and data stay."""
    here = session(host)
    if here.state is None and here.error is None:
        _look(here)
    yield carry_out(here, here.planned, lambda: _go_back(here, here.planned))


def _look(here: Session) -> None:
    here.look()
    if here.state is None:
        return
    try:
        here.planned = rollback.changes(here.state, *_generations(here))
    except StaitheError as error:
        here.error = error


def _generations(here: Session) -> tuple[Record, Record]:
    """Return the generation that is in force, and the one to go back to."""
    assert here.state is not None
    now = read_record(here.state)
    output = here.run(LIST_SCRIPT, "list the generations", looks=True, shown=LIST_SCRIPT).stdout
    _, kept = read_generations(output.decode("utf-8", "replace"), here.name)
    then = chosen(now, kept, here.generation)
    assert now is not None
    return now, then


def _go_back(here: Session, changes: Sequence[Change]) -> None:
    if here.error is not None:
        raise here.error
    # The host is locked now: what another run changed since the plan was made is seen.
    state = here.probe()
    now, then = _generations(here)
    here.hold_to_plan(state, rollback.changes(state, now, then))
    timeout_s = here.config.service.health_timeout_s
    script = rollback_script(
        state,
        then,
        changes,
        packages_in=rollback.packages_in(state, then),
        packages_out=rollback.packages_out(state, now, then),
        held=here.config.engine.hold,
        opening=here.journal_opening,
        health=health_text(timeout_s),
    )
    here.is_journaled = True
    try:
        here.run(script, f"go back to generation {then.generation}", timeout_s=_TIMEOUT_S + timeout_s)
    except (CommandFailed, CommandTimeout) as error:
        raise EngineUnhealthy(
            f"generation {then.generation} did not become healthy; the host is as it was before",
            found=engine_words(here) or error.found,
            hint=f"staithe logs {here.name}",
        ) from error
    _note(here, now, then)


def _note(here: Session, now: Record, then: Record) -> None:
    after = here.probe()
    left = rollback.changes(after, now, then)
    names = [one.target for one in left if one.target != RECORD and one.kind != "restart"]
    if names:
        raise CommandFailed(f"{', '.join(names)} did not come back", hint=f"staithe logs {here.name}")
    record = then.model_copy(
        update={
            "generation": now.generation + 1,
            "same_as": then.origin,
            "run_id": here.run_id,
            "applied_at": after.clock,
            "proved": False,
            "serials": now.serials,
        }
    )
    folder, new = f"{GENERATIONS}/{then.generation}", f"{GENERATIONS}/{record.generation}"
    # The files are the same; the generation that was left stays, to go forward to again.
    keep = f"rm -rf {new}\nmv -T {folder} {new}\ncp -p {RECORD} {new}/record.json\n"
    settle = remember_text(entry_of(record, DAEMON_JSON)) + settle_text()
    here.place({RECORD: record.text()}, "record", refresh=["files"], then=keep + settle)
    here.is_journaled = False
