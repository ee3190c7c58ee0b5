"""What events come to: one result for each host, one exit code for the run."""

from __future__ import annotations

import pytest

from staithe.change import change
from staithe.events import (
    AnyEvent,
    ErrorReport,
    HostDone,
    HostFailed,
    HostPlanned,
    HostRefused,
    HostSummary,
    Outcome,
    Problem,
    RunRefused,
    RunStarted,
    SmokeCheck,
    SmokeChecked,
)
from staithe.result import RunResult

_BUNDLE = ErrorReport(code="E400", exit_code=5, message="no such version")
_CONFIG = ErrorReport(code="E101", exit_code=2, message="1 problem")


def _result(*outcomes: Outcome, bundle_fails: bool = False, refused: bool = False) -> RunResult:
    result = RunResult(run_id="r", mode="apply")
    result.take(RunStarted(hosts=[f"h{number}" for number in range(len(outcomes))]))
    for number, outcome in enumerate(outcomes):
        if bundle_fails and outcome == "failed":
            result.take(HostFailed(host=f"h{number}", error=_BUNDLE))
        result.take(HostDone(host=f"h{number}", outcome=outcome, seconds=1))
    if refused:
        result.take(RunRefused(error=_CONFIG))
    return result


@pytest.mark.parametrize(
    ("result", "check", "code"),
    [
        (_result("unchanged", "changed"), False, 0),
        (_result("pending"), False, 0),
        (_result("pending"), True, 3),
        (_result("pending", "refused"), True, 4),
        (_result("pending", "refused", "failed"), True, 1),
        (_result("refused", "failed", bundle_fails=True), True, 5),
        (_result("refused", "failed", bundle_fails=True, refused=True), True, 2),
        (_result("refused", "cancelled", "failed", refused=True), True, 130),
        (_result(), True, 0),
    ],
)
def test_the_exit_code_of_a_run_is_its_gravest(result: RunResult, check: bool, code: int) -> None:
    """130, 2, 5, 1, 4, 3, 0."""
    result.finish(check=check)
    assert result.exit_code == code


def test_an_interrupted_run_says_so_whatever_its_hosts_came_to() -> None:
    result = _result("changed", "unchanged")
    result.cancelled = True
    result.finish()
    assert result.exit_code == 130


def test_a_host_that_was_not_reached_counts_as_interrupted() -> None:
    result = RunResult(run_id="r", mode="apply")
    result.take(RunStarted(hosts=["h1"]))
    result.finish()
    assert (result.hosts[0].outcome, result.exit_code) == ("cancelled", 130)


def test_events_of_a_host_are_gathered() -> None:
    result = RunResult(run_id="r", mode="apply")
    smoke = SmokeCheck(name="run", did="x", expected="y", saw="y", status="passed", seconds=1)
    planned = [change("users", "add", "ops to group docker", "not a member")]
    events: list[AnyEvent] = [
        RunStarted(hosts=["h1", "h2"]),
        HostPlanned(host="h1", summary=HostSummary(os="EL"), changes=planned),
        SmokeChecked(host="h1", check=smoke),
        HostDone(host="h1", outcome="changed", changed=["a"], not_done=["b"], seconds=2),
        HostRefused(
            host="h2", summary=HostSummary(), problems=[Problem(code="E301", message="m", found="f", expected="e")]
        ),
        HostDone(host="h9", outcome="failed", seconds=1),
    ]
    for event in events:
        result.take(event)
    one, two = result.hosts
    assert one.summary is not None and one.summary.os == "EL"
    assert (one.changes, one.checks, one.changed, one.not_done) == (planned, [smoke], ["a"], ["b"])
    assert [problem.code for problem in two.problems] == ["E301"]


def test_hosts_of_several_runners_stand_in_inventory_order() -> None:
    result = RunResult(run_id="r", mode="apply")
    result.take(RunStarted(hosts=["h2", "h4"], places=[1, 3]))
    result.take(RunStarted(hosts=["h1", "h3"], places=[0, 2]))
    assert [host.host for host in result.hosts] == ["h1", "h2", "h3", "h4"]
