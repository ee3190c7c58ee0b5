"""Which generation a host goes back to, and what it takes."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from staithe.errors import NoGeneration, ProbeFailed
from staithe.generations import chosen, entry_of, read_generations, remember_text, shown
from staithe.host_layout import DAEMON_JSON, ENGINE_CURRENT, HISTORY, RECORD
from staithe.plan import rollback
from staithe.probe.state import Engine, HostState
from staithe.record import Contents, Record
from staithe.report.history import print_history
from staithe.result import HostResult
from tests.unit import states

OLD = "docker-ce-3:26.1.5-1.el9.x86_64"
NEW = "docker-ce-3:28.5.2-1.el9.x86_64"


def record(number: int, nevra: str = NEW, same_as: int | None = None, **more: object) -> Record:
    contents = {"engine_version": "28.5.2", "packages": {"docker-ce": nevra}, "bundle": "", "files": {}, "links": ()}
    return Record(
        generation=number, same_as=same_as, contents=Contents.model_validate({**contents, "images": {}, **more})
    )


def state(nevra: str, *kept: str) -> HostState:
    return states.bare().model_copy(update={"packages": {"docker-ce": nevra}, "kept_packages": kept})


def listing(*records: Record, entries: str = "") -> str:
    return entries + "".join(
        f"@staithe-generation /var/lib/staithe/generations/{one.generation}/\n{one.text()}" for one in records
    )


def test_back_to_the_one_before_or_to_the_one_that_is_named() -> None:
    kept = {2: record(2), 3: record(3)}
    assert chosen(record(3), kept, None).generation == 2
    assert chosen(record(3), kept, 2).generation == 2


def test_without_a_number_the_way_never_leads_forward() -> None:
    # 1 and 2 were applied, then 1 came back as 3: forward again by its number alone.
    third = record(3, same_as=1)
    with pytest.raises(NoGeneration, match="no generation before") as refused:
        chosen(third, {2: record(2), 3: third}, None)
    assert "3, which is 1 again; kept: 2" in str(refused.value.found)
    assert refused.value.hint is not None and "--to 2 " in refused.value.hint
    assert chosen(third, {2: record(2), 3: third}, 2).generation == 2
    # There again, as 4: from here 1 lies behind, and is kept as 3.
    fourth = record(4, same_as=2)
    assert chosen(fourth, {3: third, 4: fourth}, None).generation == 3
    # What is applied on top of a return has the return behind it, not what was left.
    assert chosen(record(4), {2: record(2), 3: third, 4: record(4)}, None).generation == 3


def test_the_plan_begins_with_where_it_goes_and_how_it_goes_on() -> None:
    then = record(1, OLD).model_copy(update={"applied_at": 1_700_000_000})
    kept = "docker-ce-26.1.5-1.el9.x86_64.rpm"
    first = rollback.changes(state(NEW, kept), record(2), then)[0]
    assert (first.before, first.after) == ("generation 2", "generation 3, as 1 was")
    assert first.reason == "engine 28.5.2, static-bundle, of 2023-11-14 22:13 UTC; forward again: --to 2"
    onward = rollback.changes(state(NEW, kept), record(3, same_as=1), record(2, OLD))[0]
    assert onward.reason.endswith("; the next rollback goes back to 3")


def test_history_says_what_a_return_is() -> None:
    third = record(3, same_as=1)
    entry = entry_of(third, DAEMON_JSON)
    assert entry.same_as == 1
    with io.StringIO() as out:
        host = HostResult(host="h1", generations=[entry])
        print_history(Console(file=out, width=120), [host])
        assert "3 (as 1)" in out.getvalue()


@pytest.mark.parametrize(
    ("current", "kept", "wanted"),
    [(None, (), None), (3, (3,), None), (3, (2, 3), 3), (3, (2, 3), 1)],
    ids=["never applied", "nothing before", "the present", "not kept"],
)
def test_what_is_not_there_is_not_gone_back_to(
    current: int | None, kept: tuple[int, ...], wanted: int | None
) -> None:
    with pytest.raises(NoGeneration):
        chosen(record(current) if current else None, {one: record(one) for one in kept}, wanted)


def test_the_history_is_newest_first_and_says_what_is_kept() -> None:
    entries = "".join(
        entry_of(record(n), DAEMON_JSON).model_dump_json(exclude={"kept", "current"}) + "\n" for n in (1, 2)
    )
    found, kept = read_generations(listing(record(2), entries=entries), "h1")
    told = shown(found, kept, record(2))
    assert [(one.generation, one.kept, one.current) for one in told] == [(2, True, True), (1, False, False)]
    with pytest.raises(ProbeFailed):
        read_generations("no json\n", "h1")


def test_the_history_grows_by_a_line_each_time_and_has_an_end(tmp_path: Path) -> None:
    path = f"{tmp_path}/history"
    for number in (1, 2):
        text = remember_text(entry_of(record(number), DAEMON_JSON)).replace(HISTORY, path)
        subprocess.run(["sh", "-eu", "-c", text], check=True)
    entries, _ = read_generations(Path(path).read_text(), "h1")
    assert [one.generation for one in entries] == [1, 2]


def test_packages_come_back_from_the_files_that_are_kept() -> None:
    found = rollback.changes(state(NEW, "docker-ce-26.1.5-1.el9.x86_64.rpm"), record(2), record(1, OLD))
    assert [(one.kind, one.target) for one in found][:3] == [
        ("update", RECORD),
        ("update", "docker-ce"),
        ("restart", "containerd.service"),
    ]
    assert (found[1].before, found[1].after) == ("3:28.5.2-1.el9", "3:26.1.5-1.el9")


def test_without_its_files_a_generation_is_refused_before_anything_is_done() -> None:
    with pytest.raises(NoGeneration, match="not whole"):
        rollback.changes(state(NEW), record(2), record(1, OLD))


def test_only_a_file_differs() -> None:
    then = record(1, files={DAEMON_JSON: "a" * 64})
    found = rollback.changes(state(NEW), record(2, files={DAEMON_JSON: "b" * 64}), then)
    assert [(one.kind, one.target) for one in found][1:2] == [("create", DAEMON_JSON)]
    assert "restart" in {one.kind for one in found}


def test_a_static_engine_comes_back_by_its_link() -> None:
    static = {"packages": {}, "engine_directory": "/usr/libexec/docker/staithe/26.1.5-aaa"}
    there = states.bare().model_copy(
        update={"engine": Engine(current="28.5.2-bbb", directories=("26.1.5-aaa", "28.5.2-bbb"))}
    )
    found = rollback.changes(there, record(2, packages={}), record(1, **static))
    assert (found[1].target, found[1].after) == (ENGINE_CURRENT, "26.1.5-aaa")
    gone = there.model_copy(update={"engine": Engine(current="28.5.2-bbb", directories=("28.5.2-bbb",))})
    with pytest.raises(NoGeneration):
        rollback.changes(gone, record(2, packages={}), record(1, **static))


def test_out_of_a_transaction_that_was_cut_off_nobody_goes_back() -> None:
    whole = state(NEW, "docker-ce-26.1.5-1.el9.x86_64.rpm")
    assert rollback.changes(whole, record(2), record(1, OLD))
    with pytest.raises(NoGeneration, match="cut off"):
        rollback.changes(whole.model_copy(update={"is_cut_off": True}), record(2), record(1, OLD))
