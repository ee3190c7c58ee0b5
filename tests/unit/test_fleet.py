"""Runners: one that dies is told, a cancel reaches it, and none outlives the pipe that controls it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from staithe.events import AnyEvent, ChangeStarted, HostDone, Prepared, RunRefused, Start
from staithe.fleet import Fleet
from tests.fake_site import FakeSite


def _start(site: FakeSite, mode: str = "apply") -> Start:
    return Start.model_validate({"run_id": "r", "mode": mode, "inventory": str(site.folder / "inventory.py")})


@pytest.mark.timeout(30)
def test_a_runner_that_dies_is_told(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.bare())
    (fake_site.folder / "inventory.py").write_text("import os\nos._exit(9)\n", encoding="utf-8")
    events: list[AnyEvent] = []
    Fleet(_start(fake_site)).run(events.append)
    (event,) = events
    assert isinstance(event, RunRefused)
    assert "exit code 9" in event.error.message


@pytest.mark.timeout(30)
def test_a_cancel_reaches_the_runner_before_anything_is_changed(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.bare())
    events: list[AnyEvent] = []
    fleet = Fleet(_start(fake_site))

    def sink(event: AnyEvent) -> None:
        events.append(event)
        if isinstance(event, Prepared):
            fleet.cancel()

    fleet.run(sink)
    (done,) = [event for event in events if isinstance(event, HostDone)]
    assert done.outcome == "cancelled"
    assert done.not_done
    assert not [event for event in events if isinstance(event, ChangeStarted)]


@pytest.mark.timeout(30)
def test_a_runner_ends_when_its_pipe_closes(fake_site: FakeSite) -> None:
    """It waits for `proceed`; nobody is left to say it."""
    fake_site.add("h1", fake_site.bare())
    runner = subprocess.Popen(
        [sys.executable, "-m", "staithe.runner"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert runner.stdin is not None and runner.stdout is not None
    runner.stdin.write(_start(fake_site).model_dump_json() + "\n")
    runner.stdin.flush()
    types = []
    while "prepared" not in types:
        types.append(json.loads(runner.stdout.readline())["type"])
    assert runner.poll() is None
    runner.stdin.close()
    rest = [json.loads(line) for line in runner.stdout]
    assert [event["outcome"] for event in rest if event["type"] == "host_done"] == ["cancelled"]
    assert runner.wait(timeout=10) == 0


@pytest.mark.timeout(60)
def test_the_second_ctrl_c_ends_at_once(fake_site: FakeSite) -> None:
    """The first one lets a change that is at work end, however long that takes."""
    fake_site.add("h1", fake_site.bare(), delay=40)
    staithe = fake_site.start("staithe", "plan", "inventory.py")
    deadline = time.monotonic() + 15
    while not list(fake_site.folder.glob(".staithe/runs/*/events.jsonl")) or not any(
        "host_connected" in path.read_text() for path in fake_site.folder.glob(".staithe/runs/*/events.jsonl")
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    staithe.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert staithe.poll() is None
    began = time.monotonic()
    staithe.send_signal(signal.SIGINT)
    done = staithe.communicate_all()
    assert time.monotonic() - began < 10
    assert done.code == 130
    assert "Traceback" not in done.err


def test_what_is_no_start_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "staithe.runner"], input=b'{"type": "nonsense"}\n', capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == b""
