"""Batches, an end after failures, and going on with what failed, on real hosts."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.lab.conftest import LAB_ID, Host, Site

_QUICK = ("--set", "smoke.enabled=false")


def _events(folder: Path) -> list[dict[str, Any]]:
    found = sorted(folder.glob(".staithe/runs/*/events.jsonl"))
    lines = found[-1].read_text().splitlines() if found else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def test_batches_and_an_end_after_a_failure(site: Site, hosts: dict[str, Host]) -> None:
    """Six hosts, two at a time: h3 fails, so h5 and h6 are not begun; mended, they are what is left to do."""
    site.staithe("lab", "reset")
    # The engine's folder is a file there: unpacking fails, and nothing else.
    hosts["h3"].sh("mkdir -p /usr/libexec; echo mine > /usr/libexec/docker")
    first = site.run("apply", *_QUICK, "--batch", "2", "--max-fail", "1", "--shards", "2", code=1)
    outcomes = {one["host"]: one["outcome"] for one in first.json["hosts"]}
    assert outcomes == {
        **dict.fromkeys(("h1", "h2", "h4"), "changed"),
        "h3": "failed",
        **dict.fromkeys(("h5", "h6"), "not-begun"),
    }
    began: dict[str, float] = {}
    for event in _events(site.folder):
        if event["type"] == "change_started":
            began.setdefault(event["host"], event["time"])
    ended = {event["host"]: event["time"] for event in _events(site.folder) if event["type"] == "host_done"}
    assert max(ended["h1"], ended["h2"]) <= min(began["h3"], began["h4"])
    for name in ("h5", "h6"):
        assert hosts[name].sh("ls -A /var/lib/staithe /etc/docker 2>/dev/null", check=False) == ""

    hosts["h3"].sh("rm /usr/libexec/docker")
    again = site.run("apply", *_QUICK, "--retry-failed", first.json["run_id"])
    assert {one["host"]: one["outcome"] for one in again.json["hosts"]} == dict.fromkeys(
        ("h3", "h5", "h6"), "changed"
    )
    assert "nothing to retry" in site.staithe("apply", "inventory.py", "--yes", "--retry-failed", "last").out
    assert site.run("plan", "--check", *_QUICK).json["exit_code"] == 0


def test_a_run_that_was_killed_goes_on_where_it_ended(site: Site, program: str, hosts: dict[str, Host]) -> None:
    site.staithe("lab", "reset", "h1", "h2")
    arguments = ("apply", "inventory.py", "--yes", "-l", "h1", "-l", "h2", *_QUICK, "--batch", "1")
    run = subprocess.Popen(
        [program, *arguments],
        cwd=site.folder,
        env={**os.environ, "STAITHE_LAB_ID": LAB_ID},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 90
    while not any(one["type"] == "host_done" for one in _events(site.folder)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    folder = max(site.folder.glob(".staithe/runs/*"))
    assert not (folder / "summary.json").exists()
    # Its runner hears the pipe close, finishes the change at work and lets go of the host.
    hosts["h2"].sh(
        "for i in 1 2 3 4 5 6 7 8 9 10; do flock -n /var/lib/staithe/lock true && exit; sleep 2; done", check=False
    )
    again = site.run("apply", *_QUICK, "--retry-failed", folder.name)
    assert {one["host"]: one["outcome"] for one in again.json["hosts"]} == {"h2": "changed"}


def test_one_host_after_the_other_receives(site: Site, hosts: dict[str, Host]) -> None:
    """--uploads holds over all shards: no two hosts have bytes of the engine on their way at the same time."""
    site.staithe("lab", "reset", "h1", "h2", "h3")
    limits = [word for name in ("h1", "h2", "h3") for word in ("--limit", name)]
    site.run("apply", *limits, *_QUICK, "--uploads", "1", "--shards", "2")
    spans: dict[str, list[float]] = {}
    for event in _events(site.folder):
        if event["type"] == "transferred" and event["total_bytes"] > 50_000_000:
            spans.setdefault(event["host"], []).append(event["time"])
    assert set(spans) == {"h1", "h2", "h3"}
    ordered = sorted(spans.values())
    assert all(before[-1] <= after[0] for before, after in itertools.pairwise(ordered))
    assert all(hosts[name].sh("systemctl is-active docker") == "active" for name in spans)
