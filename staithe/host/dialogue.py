"""A change in one exec that first looks, tells what it found, and goes on only with the files that are the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from staithe.change import Change
from staithe.desired import File
from staithe.errors import HostError, StaitheError
from staithe.host.session import Session
from staithe.host_layout import FORMER, RUNNING
from staithe.placing import archive_of, place_script
from staithe.ssh import Completed, Question

_MARK = b"@staithe-asks\n"


def has_asked(result: Completed) -> bool:
    """Tell whether a command that failed came as far as its question."""
    return _MARK in result.stdout


def replace_when(
    here: Session,
    look: str,
    stdin: Sequence[bytes],
    answer: Callable[[str], tuple[Mapping[str, File], Sequence[Change]]],
    paths: Iterable[str],
    what: str,
    *,
    then: str,
    refresh: Sequence[str],
    failed: Callable[[Completed], HostError],
    timeout_s: float,
) -> None:
    """Run `look`, give what it says (on descriptor 3) to `answer`, place the files that it returns, and do `then`.

    The journal is open for `look` too. It must read no more than `stdin`: the files come behind it. `paths`: of these
    files. What `answer` raises is raised here; the script then ends without a file. `failed`: see probing.alter.
    """
    refused: list[StaitheError] = []

    def files(said: bytes) -> Iterable[bytes]:
        try:
            placed, changes = answer(said.decode("utf-8", "replace"))
            return [archive_of({**here.notes(changes), **placed})]
        except StaitheError as error:
            refused.append(error)
            return ()

    opening = here.journal_opening
    here.is_journaled = True
    placing = place_script((FORMER, RUNNING, *paths), opening=here.journal_opening, foreign=here.foreign(paths))
    try:
        here.alter(
            f"{opening}{look}echo {_MARK.decode().strip()} >&3\n{placing}{then}",
            what,
            refresh=refresh,
            stdin=stdin,
            question=Question(_MARK, files),
            failed=failed,
            timeout_s=timeout_s,
        )
    except StaitheError as error:
        # Without files the script fails; why there are none is what matters.
        raise (refused or [error])[0] from None
