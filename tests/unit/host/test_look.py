"""The first look at a host: taken before there is a session, used once by it, and what went wrong is not lost."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from staithe.errors import ConnectionLost, ProbeFailed
from staithe.events import Command
from staithe.host.look import FirstLook
from staithe.host.session import Session
from staithe.probe.request import ProbeRequest
from staithe.probe_request import probe_request
from staithe.ssh import Completed
from tests.unit import states
from tests.unit.host.test_probing import Here


def _request() -> ProbeRequest:
    return probe_request(states.config())


class Lost(Here):
    """A host whose line breaks while it is asked."""

    def _execute(self, *_: Any, **__: Any) -> Completed:
        raise ConnectionLost("the connection broke")


def _session(here: Here, look: FirstLook | None) -> Session:
    host: Any = SimpleNamespace(name="h1", data={"_sudo": False}, connector=None)
    session = Session(host=host, config=states.config(), first_look=look)
    session._remote = here
    return session


def test_the_session_takes_the_first_look_once_and_then_asks_itself() -> None:
    early, late = Here(), Here()
    session = _session(late, FirstLook(early, _request()))
    first = session.probe()
    assert first.clock > 0 and session.state is first
    assert [type(event) for event in early.told] == [Command]
    assert late.told == [], "nobody asks twice"
    session.probe()
    assert [type(event) for event in late.told] == [Command]


def test_a_session_without_one_asks() -> None:
    here = Here()
    assert _session(here, None).probe().clock > 0
    assert len(here.told) == 1


def test_why_it_failed_is_told_when_the_answer_is_wanted() -> None:
    with pytest.raises(ConnectionLost, match="the connection broke"):
        FirstLook(Lost(), _request()).answer()
    session = _session(Here(), FirstLook(Lost(), _request()))
    session.begin()
    assert isinstance(session.error, ConnectionLost)


def test_a_probe_that_says_nothing_is_an_error() -> None:
    class Silent(Here):
        def _execute(self, *_: Any, **__: Any) -> Completed:
            return Completed(9, b"", b"no shell", 0.0)

    with pytest.raises(ProbeFailed, match="exit code 9"):
        FirstLook(Silent(), _request()).answer()


def test_hosts_are_asked_before_what_reads_the_answer_is_loaded() -> None:
    late = ("staithe.plan", "staithe.host.session", "staithe.probe.state", "staithe.runner.host_run", "jinja2")
    code = f"import sys, staithe.runner.__main__; print([one for one in {late} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
