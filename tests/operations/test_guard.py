"""The guard around changes: nothing escapes, every failure is typed, and what was done is undone where it can be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from operations import daemon, kernel, preflight, units
from staithe.desired import Desired
from staithe.errors import (
    CommandFailed,
    CommandTimeout,
    ConnectionLost,
    HostError,
    Interrupted,
    StaitheError,
)
from staithe.events import ChangeStarted, HostPlanned, HostRefused
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import DAEMON_JSON, SYSCTL_FILE
from staithe.journal import former_state_script
from staithe.plan import component_changes
from staithe.ssh import Completed
from tests.operations.conftest import Bench
from tests.unit import states


def _raise(error: Exception) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


def _do(bench: Bench, action: Callable[[], None]) -> bool:
    command = carry_out(bench.session, bench.session.planned[:2], action)
    return bool(command.execute(bench.host.state, bench.host, {}))  # type: ignore[arg-type]


@pytest.fixture
def started(bench: Bench) -> Bench:
    """A bare host on which this run has replaced something."""
    bench.find(states.bare())
    bench.session.is_journaled = True
    return bench


@pytest.mark.parametrize("error", [CommandFailed("no"), CommandTimeout("late"), HostError("odd")])
def test_a_failure_is_undone_once(started: Bench, error: StaitheError) -> None:
    assert _do(started, _raise(error)) is False
    assert started.session.error is error
    assert started.scripts == [former_state_script(90)]
    assert started.session.done == []
    _do(started, _raise(error))
    assert len(started.scripts) == 1


@pytest.mark.parametrize("error", [ConnectionLost("gone"), Interrupted("stopped")])
def test_without_a_connection_or_when_stopped_the_next_run_mends(started: Bench, error: StaitheError) -> None:
    assert _do(started, _raise(error)) is False
    assert started.session.error is error
    assert started.scripts == []


def test_what_nobody_foresaw_is_an_error_too_and_undone(started: Bench) -> None:
    assert _do(started, _raise(KeyError("x"))) is False
    assert started.error_code == "E200"
    assert "KeyError" in str(started.session.error)
    assert started.scripts == [former_state_script(90)]


def test_a_cancelled_run_begins_nothing(started: Bench) -> None:
    started.session.is_cancelled = lambda: True
    begun = []
    assert _do(started, lambda: begun.append(1)) is False
    assert isinstance(started.session.error, Interrupted)
    assert begun == []
    assert not [event for event in started.events if isinstance(event, ChangeStarted)]


@pytest.mark.parametrize("trouble", [ConnectionLost("gone"), "staithe: its engine does not run either"])
def test_a_former_state_that_does_not_come_back_is_told_with_the_first_error(
    started: Bench, trouble: Exception | str
) -> None:
    started.host.connector.trouble["each units halt"] = trouble
    assert _do(started, _raise(CommandFailed("first"))) is False
    assert started.error_code == "E216"
    assert "first" in str(started.session.error)


def test_success_is_told_for_each_change(started: Bench) -> None:
    assert _do(started, lambda: None) is True
    assert started.session.done == [change.id for change in started.session.planned[:2]]
    assert started.session.error is None


def test_after_a_failure_nothing_more_is_to_be_done(started: Bench) -> None:
    _do(started, _raise(CommandFailed("no")))
    assert started.commands(kernel.configure) == []


def test_claiming_sees_what_another_run_did_since_the_plan(bench: Bench) -> None:
    bench.find(states.bare())
    bench.host.connector.state = bench.converged
    assert bench.carry_out(preflight.check) == [True]
    assert bench.session.planned == ()
    assert [event.changes for event in bench.events if isinstance(event, HostPlanned)] == [[]]


def test_claiming_a_host_as_it_was_planned_tells_no_new_plan(bench: Bench) -> None:
    bench.find(states.bare())
    planned = bench.session.planned
    assert bench.carry_out(preflight.check) == [True]
    assert bench.session.planned == planned
    assert not [event for event in bench.events if isinstance(event, HostPlanned)]


def test_a_host_that_became_unfit_since_the_plan_says_why(bench: Bench) -> None:
    bench.find(states.bare())
    bench.host.connector.state = states.bare().model_copy(update={"missing_commands": ("iptables",)})
    assert bench.carry_out(preflight.check) == [False]
    assert bench.error_code == "E300"
    (refused,) = [event for event in bench.events if isinstance(event, HostRefused)]
    assert [problem.code for problem in refused.problems] == ["E309"]
    assert bench.scripts == []


def test_preflight_turns_problems_into_one_refusal(bench: Bench) -> None:
    bench.host.connector.state = states.bare().model_copy(update={"missing_commands": ("tar", "iptables")})
    assert bench.carry_out(preflight.check) == [False]
    assert bench.error_code == "E300"
    assert [problem.code for problem in bench.session.problems] == ["E309", "E309"]
    assert bench.commands(kernel.configure) == []


def test_an_engine_that_refuses_its_configuration_leaves_all_as_it_was(bench: Bench) -> None:
    file = bench.converged.files[DAEMON_JSON].model_copy(update={"text": '{"debug": true}\n', "sha256": "0" * 64})
    bench.find(bench.converged.model_copy(update={"files": {**bench.converged.files, DAEMON_JSON: file}}))

    def refuse(script: str, what: str, **_: object) -> Completed:
        bench.scripts.append(script)
        if len(bench.scripts) == 1:
            return Completed(67, b"", b"unknown key", 0.1)
        return Completed(0, b"", b"", 0.1)

    bench.session.run = bench.session._remote.run = refuse  # type: ignore[assignment]
    assert bench.carry_out(daemon.configure) == [False]
    assert bench.error_code == "E212"
    assert bench.scripts[1:] == [former_state_script(90)], "nothing was noted, so it ends at once"


def test_a_change_that_does_not_hold_is_told_in_one_line(bench: Bench) -> None:
    """The text of a file is no part of an error's message."""
    file = bench.converged.files[SYSCTL_FILE].model_copy(update={"text": "x\ny\n", "sha256": "0" * 64})
    drifted = bench.converged.model_copy(update={"files": {**bench.converged.files, SYSCTL_FILE: file}})
    bench.find(drifted, then=drifted)
    assert bench.carry_out(kernel.configure) == [False]
    assert bench.error_code == "E207"
    assert "\n" not in str(bench.session.error)
    assert SYSCTL_FILE in str(bench.session.error)


def test_units_are_undone_when_a_later_step_fails(bench: Bench) -> None:
    bench.find(states.bare())
    left = component_changes("units", states.bare(), bench.session.config, _desired(bench.session), ())
    bench.host.connector.then = bench.converged
    assert bench.carry_out(units.install) == [True]
    assert len(bench.session.done) == len(left)
    assert _do(bench, _raise(CommandFailed("later"))) is False
    assert bench.scripts[-1] == former_state_script(90)


def _desired(session: Session) -> Desired:
    assert session.desired is not None
    return session.desired
