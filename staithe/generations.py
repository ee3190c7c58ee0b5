"""The generations of a host: what was applied when, and which of them it can go back to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from staithe.errors import NoGeneration, ProbeFailed
from staithe.event_data import Generation
from staithe.host_layout import GENERATIONS, HISTORY
from staithe.record import Record
from staithe.shell import quote

_MARK = "@staithe-generation "
# So many are remembered; a line has about 250 bytes.
_REMEMBERED = 500

# Prints the history, then each kept generation's record behind a mark.
LIST_SCRIPT = f"""if [ -f {HISTORY} ]; then cat {HISTORY}; fi
for folder in {GENERATIONS}/*/; do
  if [ -f "$folder"record.json ]; then
    printf '{_MARK}%s\\n' "$folder"
    cat "$folder"record.json
  fi
done
"""


def entry_of(record: Record, daemon_json: str) -> Generation:
    """Return what the history remembers of a record. `daemon_json`: path of that file."""
    return Generation(
        generation=record.generation,
        same_as=record.same_as,
        applied_at=record.applied_at,
        run_id=record.run_id,
        engine_version=record.contents.engine_version,
        source=record.contents.source,
        bundle=record.contents.bundle.removeprefix("sha256:")[:12],
        daemon_json=record.contents.files.get(daemon_json, "")[:12],
    )


def remember_text(entry: Generation) -> str:
    """Return the shell text that adds a line to the history."""
    line = quote(entry.model_dump_json(exclude={"kept", "current"}))
    return f"""{{ if [ -f {HISTORY} ]; then tail -n {_REMEMBERED} {HISTORY}; fi
printf '%s\\n' {line}; }} > {HISTORY}.new
mv -Tf {HISTORY}.new {HISTORY}
"""


def read_generations(output: str, host: str) -> tuple[tuple[Generation, ...], dict[int, Record]]:
    """Return the history, oldest first, and the records of the generations that are kept. Raises ProbeFailed."""
    head, *rest = output.split(_MARK)
    try:
        records = [Record.model_validate_json(part.partition("\n")[2]) for part in rest]
        entries = [Generation.model_validate_json(line) for line in head.splitlines() if line]
    except ValidationError as error:
        raise ProbeFailed(
            "what staithe noted of its generations cannot be read",
            found=str(error).splitlines()[0],
            hint=f"ssh {host} sudo ls -l {GENERATIONS}",
        ) from error
    return tuple(entries), {record.generation: record for record in records}


def chosen(current: Record | None, kept: dict[int, Record], wanted: int | None) -> Record:
    """Return the generation to go back to: `wanted`, or the one that was applied before. Raises NoGeneration.

    Without `wanted` the way never leads forward, to a generation that a rollback has left.
    """
    if current is None:
        raise NoGeneration("staithe has never applied anything here", found="no record")
    others = sorted(number for number in kept if number != current.generation)
    listed = ", ".join(str(number) for number in others) or "no other"
    if wanted is None:
        earlier = [kept[number] for number in others if kept[number].origin < current.origin]
        if earlier:
            return earlier[-1]
        later = [number for number in others if kept[number].origin > current.origin]
        raise NoGeneration(
            "no generation before the present one is kept",
            found=f"generation {current.generation}"
            + (f", which is {current.same_as} again" if current.same_as else "")
            + f"; kept: {listed}",
            hint=f"staithe rollback INVENTORY --to {later[-1]}   # forward again" if later else None,
        )
    if wanted == current.generation:
        raise NoGeneration(
            f"generation {wanted} is the one that is in force", expected=f"one of those kept: {listed}"
        )
    if wanted not in kept:
        raise NoGeneration(
            f"generation {wanted} is not kept on the host any longer",
            found=f"kept: {listed}",
            hint="staithe history INVENTORY   # to go further back, apply that version",
        )
    return kept[wanted]


def shown(entries: Sequence[Generation], kept: dict[int, Record], current: Record | None) -> tuple[Generation, ...]:
    """Return the history with what can be gone back to, newest first."""
    now = current.generation if current is not None else 0
    return tuple(
        one.model_copy(update={"kept": one.generation in kept, "current": one.generation == now})
        for one in sorted(entries, key=lambda one: one.generation, reverse=True)
    )
