"""Runners: one that dies is told, a cancel reaches it, and none outlives the pipe that controls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from staithe.events import AnyEvent, BlobsWanted, ChangeStarted, HostDone, Notice, Prepared, RunRefused, RunStarted
from staithe.fleet import Fleet
from staithe.messages import Start
from staithe.result import RunResult
from staithe.run import Run
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


@pytest.mark.timeout(60)
def test_a_runner_that_dies_after_its_plan_fails_its_hosts_and_no_other(
    fake_site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted once: the question waits for the other runner too, and comes once."""
    for name in ("h0", "h1", "h2", "h3"):
        fake_site.add(name, fake_site.bare(), delay=3 if name in ("h1", "h3") else 0)
    monkeypatch.chdir(fake_site.folder)
    asked: list[list[str]] = []
    runners: list[int] = []

    def ask(result: RunResult) -> bool:
        asked.append([host.host for host in result.hosts if host.outcome == "failed"])
        asked.append([host.host for host in result.hosts if host.changes])
        return False

    run = Run("apply", "inventory.py", shards=2, ask=ask)

    def take(event: AnyEvent, *rest: Any) -> None:
        original(event, *rest)
        if isinstance(event, Prepared) and not runners:
            # The runner of the quick hosts, which has told its plan; the other one is still at work.
            runners.append(rest[-1]._runners[0]._process.pid)
            os.kill(runners[0], signal.SIGKILL)

    original = run._take
    monkeypatch.setattr(run, "_take", take)
    result = run.go()
    assert asked == [["@fake/h0", "@fake/h2"], ["@fake/h0", "@fake/h1", "@fake/h2", "@fake/h3"]]
    assert {host.host: host.outcome for host in result.hosts} == {
        "@fake/h0": "failed",
        "@fake/h1": "cancelled",
        "@fake/h2": "failed",
        "@fake/h3": "cancelled",
    }
    assert result.error is None


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


@pytest.mark.timeout(60)
def test_a_reader_that_is_gone_does_not_stop_the_run(fake_site: FakeSite) -> None:
    """`staithe apply ... | head -1`: the run goes on to its end, says so, and has its exit code."""
    for number in range(4):
        fake_site.add(f"h{number}", fake_site.bare(), delay=0.05)
    staithe = fake_site.start("staithe", "apply", "inventory.py", "--yes")
    assert staithe.stdout is not None and staithe.stderr is not None
    staithe.stdout.readline()
    staithe.stdout.close()
    err = staithe.stderr.read()
    assert staithe.wait(timeout=50) == 1
    assert err.count("nobody reads the output") == 1
    assert "Traceback" not in err and "BrokenPipe" not in err
    (summary,) = fake_site.folder.glob(".staithe/runs/*/summary.json")
    assert {one["outcome"] for one in json.loads(summary.read_text())["hosts"]} == {"failed"}


def test_a_document_that_nobody_reads(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.converged())
    staithe = fake_site.start("staithe", "plan", "inventory.py", "--json")
    assert staithe.stdout is not None and staithe.stderr is not None
    staithe.stdout.close()
    err = staithe.stderr.read()
    assert staithe.wait(timeout=30) == 0
    assert "nobody reads the output" in err and "Exception ignored" not in err


@pytest.mark.parametrize(("mistake", "code"), [({"engine": {"bundel": "x"}}, 2), ({}, 130)])
def test_each_failure_names_the_record(fake_site: FakeSite, mistake: dict[str, Any], code: int) -> None:
    """A refused run, and one that was ended by `kill`."""
    fake_site.add("h1", fake_site.bare(), delay=1, **mistake)
    staithe = fake_site.start("staithe", "plan", "inventory.py")
    if not mistake:
        deadline = time.monotonic() + 20
        while not list(fake_site.folder.glob(".staithe/runs/*/events.jsonl")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        staithe.send_signal(signal.SIGTERM)
    done = staithe.communicate_all()
    assert done.code == code, done.err
    (run,) = fake_site.folder.glob(".staithe/runs/*")
    assert f"record: {Path('.staithe/runs') / run.name}" in done.out + done.err
    assert json.loads((run / "summary.json").read_text())["exit_code"] == code


def test_what_is_no_start_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "staithe.runner"], input=b'{"type": "nonsense"}\n', capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == b""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kills", [False, True])
def test_hosts_of_all_runners_hear_of_a_relay_that_cannot_be_had(
    fake_site: FakeSite, monkeypatch: pytest.MonkeyPatch, kills: bool
) -> None:
    """It says so itself, or the runner that keeps it is gone: nobody waits for ever, and each host says why."""
    whole = fake_site.converged()
    bare = whole.model_copy(update={"engine": whole.engine.model_copy(update={"placed": {}})})
    for name in ("h0", "h1", "h2"):
        # The hosts of the first runner: h0 and h2.
        fake_site.add(name, whole if name == "h0" else bare)
    monkeypatch.chdir(fake_site.folder)
    run = Run("apply", "inventory.py", shards=2, settings={"transfer": {"relay": "@fake/h0"}})
    notices: dict[str, str] = {}
    seen: set[str] = set()

    def take(event: AnyEvent, *rest: Any) -> None:
        if isinstance(event, Notice):
            notices[event.host or ""] = event.text
        if not (kills and isinstance(event, BlobsWanted)):
            original(event, *rest)
        # Either may come first; a runner that is killed before it has begun ends the run.
        if isinstance(event, BlobsWanted):
            seen.add("wanted")
        elif isinstance(event, RunStarted) and "@fake/h0" in event.hosts:
            seen.add("started")
        if kills and seen == {"wanted", "started"}:
            seen.clear()
            with suppress(ProcessLookupError):
                os.kill(rest[-1]._runners[0]._process.pid, signal.SIGKILL)

    original = run._take
    monkeypatch.setattr(run, "_take", take)
    result = run.go()
    assert "@fake/h1" in notices
    if kills:
        assert notices["@fake/h1"].startswith("relay @fake/h0: the runner that kept it has ended")
    else:
        assert notices == dict.fromkeys(
            ("@fake/h1", "@fake/h2"), "relay @fake/h0: it is not reached over SSH; blobs are sent by SSH instead"
        )
        assert [host.notices for host in result.hosts] == [[], [notices["@fake/h1"]], [notices["@fake/h2"]]]
