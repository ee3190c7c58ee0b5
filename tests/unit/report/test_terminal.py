"""What a person reads, at 80 and at 200 columns: whole words, the same plan once, no flood of names."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from staithe import plan
from staithe.batches import Batches, Share
from staithe.change import change
from staithe.events import (
    BlobReady,
    BlobsWanted,
    ChangeStarted,
    Command,
    ErrorReport,
    HostConnected,
    HostDone,
    HostFailed,
    HostPlanned,
    HostSummary,
    Notice,
    Outcome,
    PlanWarning,
    Problem,
    Pulling,
    RunStarted,
    SmokeCheck,
    SmokeChecked,
    Transferred,
    UploadAsked,
    UploadEnded,
)
from staithe.report.console import console_for
from staithe.report.plan import print_plan, print_warnings
from staithe.report.progress import Progress
from staithe.report.status import print_status
from staithe.report.terminal import print_batch, print_summary
from staithe.result import HostResult, RunResult
from tests.unit import states

WIDTHS = pytest.mark.parametrize("width", [80, 200])


def console(width: int = 80, *, terminal: bool = False) -> Console:
    return console_for(record=True, width=width, height=40, file=io.StringIO(), force_terminal=terminal)


def host(name: str, outcome: Outcome = "pending") -> HostResult:
    changes = list(plan.changes(states.bare(), states.config(), states.desired(states.config())))
    summary = HostSummary(os="CentOS Stream 9", arch="x86_64")
    return HostResult(host=name, outcome=outcome, summary=summary, changes=changes, not_done=["a:b:c"])


def result(*hosts: HostResult) -> RunResult:
    return RunResult(run_id="r", mode="apply", directory=".staithe/runs/r", hosts=list(hosts))


@WIDTHS
@pytest.mark.parametrize("terminal", [True, False])
def test_no_target_of_a_plan_is_torn(width: int, terminal: bool) -> None:
    out = console(width, terminal=terminal)
    print_plan(out, [host("h1")])
    text = out.export_text(clear=False)
    for one in host("h1").changes:
        for word in one.target.split():
            assert word in text, text
    assert [line for line in text.splitlines() if len(line.rstrip()) > 200] == []


def test_the_same_plan_is_printed_once_with_all_its_hosts() -> None:
    out = console()
    different = host("other").model_copy(update={"changes": host("other").changes[:1]})
    print_plan(out, [host("h1"), different, host("h2")])
    text = out.export_text(clear=False)
    assert "h1, h2\n" in text
    assert text.count("/etc/systemd/system/docker.service") == 1
    assert "3 to change" in text


def test_names_of_many_hosts_are_shortened() -> None:
    out = console(200)
    print_plan(out, [host(f"h{number}") for number in range(500)])
    text = out.export_text(clear=False)
    assert "and 492 more" in text
    assert "h499" not in text


def test_a_host_as_described_says_so() -> None:
    out = console()
    print_plan(out, [host("h1").model_copy(update={"changes": []})])
    assert "nothing to do" in out.export_text(clear=False)
    assert "1 as described" in out.export_text(clear=False)


def test_refused_and_failed_hosts_are_no_part_of_the_plan() -> None:
    out = console()
    error = ErrorReport(code="E201", exit_code=1, message="no connection")
    print_plan(out, [HostResult(host="h1", error=error)])
    assert "h1" not in out.export_text(clear=False)


def _update(before: str | None, after: str) -> HostResult:
    kind = "create" if before is None else "update"
    one = change("daemon", kind, "/etc/docker/daemon.json", "content differs", before=before, after=after)  # type: ignore[arg-type]
    return host("h1").model_copy(update={"changes": [one]})


def test_an_update_shows_what_differs_and_nothing_else() -> None:
    out = console()
    lines = [f"line {number}" for number in range(40)]
    print_plan(out, [_update("\n".join([*lines, "old", ""]), "\n".join([*lines, "[bold]new[/]", ""]))])
    text = out.export_text(clear=False)
    assert "-old" in text
    assert "+[bold]new[/]" in text
    assert "line 39" in text and "line 1\n" not in text


@pytest.mark.parametrize(("diffs", "shown"), [("none", False), ("changes", False), ("all", True)])
def test_a_long_new_file_is_shown_when_asked_for(diffs: str, shown: bool) -> None:
    out = console()
    print_plan(out, [_update(None, "".join(f"line {n}\n" for n in range(40)))], diffs=diffs)  # type: ignore[arg-type]
    assert ("line 33" in out.export_text(clear=False)) == shown


@WIDTHS
def test_the_summary_names_what_came_of_each_host(width: int) -> None:
    out = console(width)
    problems = [Problem(code="E309", message="the command tar is missing", found="nothing", expected="tar", hint="x")]
    print_summary(
        out,
        result(
            host("same.example.com", "unchanged"),
            host("broken.example.com", "failed"),
            HostResult(host="refused.example.com", outcome="refused", problems=problems),
        ),
    )
    text = out.export_text(clear=False)
    assert "nothing to do: same.example.com" in text
    assert "failed: broken.example.com" in text
    assert "not done: a:b:c" in text
    assert "E309 the command tar is missing" in text
    assert ".staithe/runs/r" in text


def test_a_summary_of_many_hosts_is_short() -> None:
    out = console(200)
    print_summary(out, result(*(host(f"web{n}.example.com", "unchanged") for n in range(400))))
    text = out.export_text(clear=False)
    assert "more" in text and "web399" not in text
    assert len(text.splitlines()) < 10


@WIDTHS
def test_status_does_not_tear_names(width: int) -> None:
    out = console(width)
    failed = HostResult(host="h2", error=ErrorReport(code="E206", exit_code=1, message="no answer\nmore"))
    print_status(out, result(host("web1.example.com", "unchanged"), failed))
    text = out.export_text(clear=False)
    assert "web1.example.com" in text
    assert "kernel" in text
    assert "unknown" in text and "no answer" in text


def test_a_host_that_is_done_does_not_come_back_to_the_live_lines() -> None:
    """A neighbour may ask it to read a published port."""
    out = console(terminal=True)
    progress = Progress(out)
    for event in (
        RunStarted(hosts=["h1", "h2"]),
        HostConnected(host="h1", seconds=1),
        HostConnected(host="h2", seconds=1),
        HostDone(host="h1", outcome="changed", seconds=1),
        Command(host="h1", what="read", command="curl", exit_code=0, seconds=0, output=""),
    ):
        progress.take(event)
    out.print(progress.__rich__())
    text = out.export_text(clear=False)
    assert "h1" not in text
    assert "h2" in text
    assert "1 of 2 hosts done" in text


def test_hosts_that_receive_show_rate_and_time_left_and_a_total() -> None:
    out = console(100, terminal=True)
    progress = Progress(out)
    progress.take(RunStarted(hosts=["h1", "h2", "h3"]))
    for name in ("h1", "h2", "h3"):
        progress.take(ChangeStarted(host=name, change_id="binaries:create:/usr/libexec"))
        progress.take(UploadAsked(host=name))
    for sent in (10_000_000, 40_000_000):
        for name in ("h1", "h2"):
            progress.take(Transferred(host=name, blob="b", sent_bytes=sent, total_bytes=100_000_000))
    out.print(progress.__rich__())
    text = out.export_text(clear=False)
    assert text.count("40% of 100.0 MB") == 2
    assert "s left" in text
    assert "h3 waiting for its turn to receive" in text
    assert "2 hosts receive:  40% of 200.0 MB" in text and "; 1 wait" in text
    for name in ("h1", "h2", "h3"):
        progress.take(UploadEnded(host=name))
    out.print(progress.__rich__())
    assert "receive" not in out.export_text(clear=False)[len(text) :]


def test_a_relay_that_is_filled_and_who_pulls_from_it() -> None:
    out = console(100, terminal=True)
    progress = Progress(out)
    progress.take(RunStarted(hosts=["h1", "h2"]))
    progress.take(HostDone(host="h1", outcome="unchanged", seconds=1))
    progress.take(ChangeStarted(host="h2", change_id="images:load:app:1"))
    progress.take(BlobsWanted(host="h2", relay="h1", blobs=["b", "c"]))
    half = Transferred(host="h1", component="relay", blob="b", sent_bytes=40_000_000, total_bytes=100_000_000)
    for sent in (10_000_000, 40_000_000):
        progress.take(half.model_copy(update={"sent_bytes": sent}))
    out.print(progress.__rich__())
    text = out.export_text(clear=False)
    assert "relay h1  40% of 100.0 MB" in text and "s left" in text
    assert "h2       waiting for relay h1" in text
    progress.take(half.model_copy(update={"sent_bytes": 100_000_000}))
    progress.take(BlobReady(host="h2", relay="h1", blob="b", url="http://h1/"))
    progress.take(Pulling(host="h2", blob="b", total_bytes=100_000_000, origin="relay h1"))
    out.print(progress.__rich__())
    later = out.export_text(clear=False)[len(text) :]
    assert "images load app:1: 100.0 MB from relay h1" in later
    assert "waiting" not in later and "40%" not in later
    progress.take(half)
    progress.take(BlobReady(host="h2", relay="h1", blob="c", problem="the disk is full"))
    progress.take(Notice(host="h2", text="relay h1: [bold]the disk is full[/]; blobs are sent by SSH instead"))
    out.print(progress.__rich__())
    last = out.export_text(clear=False)[len(text) + len(later) :]
    assert "h2 notice: relay h1: [bold]the disk is full[/]; blobs are sent by SSH instead" in last
    assert "of 100.0 MB" not in last


def test_more_hosts_than_lines_shows_those_at_work_in_inventory_order() -> None:
    out = console_for(record=True, width=80, height=12, file=io.StringIO(), force_terminal=True)
    progress = Progress(out)
    names = [f"web{number:02}.example.com" for number in range(40)]
    progress.take(RunStarted(hosts=names))
    for name in reversed(names):
        progress.take(HostConnected(host=name, seconds=1))
        progress.take(HostPlanned(host=name, summary=HostSummary(), changes=host("x").changes))
    for name in ("web30.example.com", "web07.example.com", "web11.example.com"):
        progress.take(ChangeStarted(host=name, change_id="kernel:load:module overlay"))
    out.print(progress.__rich__())
    lines = out.export_text(clear=False).splitlines()
    assert [line.split(".")[0] for line in lines[:4]] == ["web07", "web11", "web30", "web00"]
    assert lines[-2:] == ["and 34 more that wait", "0 of 40 hosts done"]
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 80


@WIDTHS
def test_no_name_is_torn_on_a_terminal(width: int) -> None:
    out = console(width, terminal=True)
    names = [f"web{number:02}.rack.example.com" for number in range(30)]
    batches = Batches(Share(10))
    batches.take(RunStarted(hosts=names))
    batches.all_known()
    print_batch(out, batches)
    print_summary(out, result(*(host(name, "unchanged") for name in names)))
    text = out.export_text(clear=False)
    assert max(map(len, text.splitlines())) <= width
    for name in names[:8]:
        assert text.count(name) == 2


def test_off_a_terminal_each_thing_is_a_line() -> None:
    out = console(200)
    progress = Progress(out)
    check = SmokeCheck(name="run", did="docker run", expected="[a]", saw="[b]", status="failed", seconds=1)
    error = ErrorReport(code="E213", exit_code=1, message="1 of 7 smoke checks failed", hint="staithe logs h1")
    for event in (
        RunStarted(hosts=["h1"]),
        ChangeStarted(host="h1", change_id="kernel:set:net.ipv4.ip_forward"),
        SmokeChecked(host="h1", check=check),
        HostFailed(host="h1", error=error),
    ):
        progress.take(event)
    text = out.export_text(clear=False)
    assert "h1: kernel set net.ipv4.ip_forward\n" in text
    assert "expected [a]; saw [b]" in text
    assert "E213" in text and "try: staithe logs h1" in text


def warned(name: str, *texts: str) -> HostResult:
    said = [PlanWarning(code="W101", text=text, source="somewhere") for text in texts]
    return host(name).model_copy(update={"warnings": said})


@WIDTHS
@pytest.mark.parametrize("terminal", [True, False])
def test_warnings_stand_after_the_changes_and_part_hosts(width: int, *, terminal: bool) -> None:
    shown = console(width, terminal=terminal)
    words = " ".join(["containers may have to be made again"] * 8)
    print_plan(
        shown, [warned("h1", words), warned("h2", words), host("h3"), warned("h4", "another", words)], diffs="none"
    )
    text = shown.export_text()
    lines = [line.rstrip() for line in text.splitlines()]
    assert "h1, h2" in lines
    assert [line for line in lines if line.startswith(("h3", "h4"))]
    assert text.count("! W101") == 3
    assert text.index("run containers") < text.index("! W101") < text.index("h3")
    if terminal:
        assert all(len(line) <= width for line in lines)
        after = lines[next(i for i, line in enumerate(lines) if "! W101" in line) + 1]
        assert after.startswith("    ") and after[4] != " ", "continued lines hang under the first word"
    else:
        assert f"  ! W101 {words}  (somewhere)" in lines


def test_warnings_of_plans_that_nobody_saw_are_told_once_with_their_hosts() -> None:
    shown = console(80, terminal=False)
    many = [warned(f"h{number}", "forced") for number in range(10)]
    print_warnings(shown, [*many, warned("x1", "forced", "another"), host("x2")])
    assert shown.export_text().splitlines() == [
        "  ! h0, h1, h2, h3, h4, h5, h6, h7 and 3 more: W101 forced  (somewhere)",
        "  ! x1: W101 another  (somewhere)",
    ]


def test_a_host_where_nothing_changes_may_have_a_warning_too() -> None:
    shown = console(80, terminal=False)
    same = warned("h1", "forced").model_copy(update={"changes": []})
    print_plan(shown, [same])
    text = shown.export_text()
    assert text.index("nothing to do") < text.index("! W101 forced")
