"""Warnings through the real runner: in the plan, in --json, and in the record of the run."""

from __future__ import annotations

import json

from tests.fake_site import FakeSite


def test_warnings_come_with_the_plan(fake_site: FakeSite) -> None:
    there = fake_site.converged()
    assert there.docker is not None
    docker = there.docker.model_copy(update={"server_version": "20.10.24"})
    fake_site.add("h1", there.model_copy(update={"docker": docker, "files": {}}))
    fake_site.add("h2", there.model_copy(update={"docker": docker}))
    done = fake_site.staithe("plan", "inventory.py", "--json")
    codes = [one["code"] for one in done.host("h1")["warnings"]]
    assert "W128" in codes
    assert done.host("h2")["warnings"] == [], "nothing is to be changed there"
    events = [json.loads(line) for path in fake_site.folder.rglob("events.jsonl") for line in path.open()]
    planned = next(one for one in events if one["type"] == "host_planned" and one["host"] == "@fake/h1")
    assert [one["code"] for one in planned["warnings"]] == codes
    text = fake_site.staithe("plan", "inventory.py").out
    assert text.count("! W128 ") == 1
    assert "23.0 release notes" in text


def test_without_a_question_warnings_are_told_all_the_same(fake_site: FakeSite) -> None:
    """`--yes` shows no plan."""
    there = fake_site.converged()
    assert there.docker is not None
    docker = there.docker.model_copy(update={"server_version": "20.10.24"})
    fake_site.add("h1", there.model_copy(update={"docker": docker, "files": {}}))
    done = fake_site.staithe("apply", "inventory.py", "--yes", code=None)
    assert done.out.count("! @fake/h1: W128 ") == 1
