"""The guard around a change: whatever goes wrong, what was replaced comes back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from staithe.errors import CommandFailed, ConnectionLost, Interrupted, StaitheError
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.ssh import Completed
from tests.unit import states


def _guarded(error: Exception) -> tuple[Session, list[str], bool]:
    session = Session(host=SimpleNamespace(name="h1", data={}), config=states.config())  # type: ignore[arg-type]
    ran: list[str] = []

    def run(script: str, what: str, **_: Any) -> Completed:
        ran.append(what)
        return Completed(0, b"", b"", 0.1)

    def action() -> None:
        session.is_journaled = True
        raise error

    session.run = run  # type: ignore[assignment]
    command = carry_out(session, (), action)
    return session, ran, command.function(None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [CommandFailed("x"), KeyError("unforeseen"), AssertionError()])
def test_a_failure_brings_the_former_state_back(error: Exception) -> None:
    session, ran, went_well = _guarded(error)
    assert not went_well
    assert isinstance(session.error, StaitheError)
    assert ran == ["bring the former state back"]


@pytest.mark.parametrize("error", [ConnectionLost("x"), Interrupted("x")])
def test_without_a_connection_or_when_stopped_nothing_more_is_sent(error: Exception) -> None:
    _, ran, went_well = _guarded(error)
    assert not went_well
    assert ran == []
