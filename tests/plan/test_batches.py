"""Batches, --max-fail and --retry-failed through the real runner, spread over several of them too.

On a fake host every command of a change succeeds and changes nothing, so a host with changes fails.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fake_site import FakeSite

SHARDS = pytest.mark.parametrize("shards", ["1", "2"])


def _events(site: FakeSite) -> list[dict[str, Any]]:
    newest = max(site.folder.glob(".staithe/runs/*/events.jsonl"))
    return [json.loads(line) for line in newest.read_text().splitlines()]


def _order(site: FakeSite) -> list[tuple[str, str]]:
    """Return when hosts began and ended, those without a change left out."""
    found: list[tuple[str, str]] = []
    for event in _events(site):
        name = (event["host"] or "").removeprefix("@fake/")
        if event["type"] == "change_started" and ("begin", name) not in found:
            found.append(("begin", name))
        elif event["type"] == "host_done" and ("begin", name) in found:
            found.append(("end", name))
    return found


@SHARDS
def test_a_batch_begins_when_the_one_before_is_done(fake_site: FakeSite, shards: str) -> None:
    for number in range(6):
        # h1 has nothing to do.
        fake_site.add(f"h{number}", fake_site.converged() if number == 1 else fake_site.bare())
    done = fake_site.staithe("apply", "inventory.py", "--yes", "--json", "--batch", "2", "--shards", shards, code=1)
    assert set(done.outcomes.values()) == {"failed", "unchanged"}
    order = _order(fake_site)
    assert {name for what, name in order if what == "begin"} == {"h0", "h2", "h3", "h4", "h5"}
    for earlier, later in ((("h0",), ("h2", "h3")), (("h2", "h3"), ("h4", "h5"))):
        last_end = max(order.index(("end", name)) for name in earlier)
        assert last_end < min(order.index(("begin", name)) for name in later), order
    assert "batch 2 of 3: @fake/h2, @fake/h3" in done.err


@SHARDS
def test_after_too_many_failures_no_further_host_begins(fake_site: FakeSite, shards: str) -> None:
    for number in range(6):
        fake_site.add(f"h{number}", fake_site.bare())
    fake_site.add("h6", fake_site.converged())
    options = ("--yes", "--max-fail", "2", "--parallel", "2", "--shards", shards)
    done = fake_site.staithe("apply", "inventory.py", "--json", *options, code=1)
    begun = {name for what, name in _order(fake_site) if what == "begin"}
    # The third may have begun when the second failed: no more than two are at work at once.
    assert begun <= {"h0", "h1", "h2"}
    assert len(begun) >= 2
    outcomes = done.outcomes
    assert {outcomes[name] for name in begun} == {"failed"}
    assert {outcomes[f"h{number}"] for number in range(6)} - {"failed"} == {"not-begun"}
    assert outcomes["h6"] in ("unchanged", "not-begun")
    assert done.json["halted"] is True
    run_id = done.json["run_id"]
    shown = fake_site.staithe("apply", "inventory.py", *options, code=1)
    assert "not begun, too many hosts had failed: @fake/h" in shown.out
    assert "--retry-failed" in shown.out
    again = fake_site.staithe("plan", "inventory.py", "--json", "--retry-failed", run_id)
    assert set(again.outcomes) == {name for name, outcome in outcomes.items() if outcome != "unchanged"}


def test_a_refusal_does_not_stop_the_others(fake_site: FakeSite) -> None:
    fake_site.add("h0", fake_site.bare().model_copy(update={"missing_commands": ("tar",)}))
    fake_site.add("h1", fake_site.converged())
    done = fake_site.staithe("apply", "inventory.py", "--json", "--yes", "--max-fail", "1", code=4)
    assert done.outcomes == {"h0": "refused", "h1": "unchanged"}
    assert done.json["halted"] is False


@pytest.mark.parametrize("option", [("--batch", "0"), ("--max-fail", "101%"), ("--max-fail", "none")])
def test_nonsense_is_one_error(fake_site: FakeSite, option: tuple[str, str]) -> None:
    fake_site.add("h0", fake_site.bare())
    done = fake_site.staithe("apply", "inventory.py", "--yes", *option, code=2)
    assert f"{option[0]} takes" in done.err
    assert not list(fake_site.folder.glob(".staithe/runs/*"))


def _mixed(site: FakeSite) -> str:
    site.add("same", site.converged())
    site.add("refused", site.bare().model_copy(update={"missing_commands": ("tar",)}))
    site.add("broken", "rubbish\n")
    site.add("failed", site.bare())
    done = site.staithe("apply", "inventory.py", "--yes", "--json", code=1)
    return str(done.json["run_id"])


def test_only_what_failed_is_tried_again(fake_site: FakeSite) -> None:
    run_id = _mixed(fake_site)
    for named in (run_id, run_id[:-2], "last"):
        again = fake_site.staithe("plan", "inventory.py", "--json", "--retry-failed", named, code=1)
        assert list(again.outcomes) == ["refused", "broken", "failed"]
    smoke = fake_site.staithe("smoke", "inventory.py", "--json", "--retry-failed", "last", "-l", "*broken", code=1)
    assert list(smoke.outcomes) == ["broken"]


def test_a_run_that_was_killed_tells_by_its_events(fake_site: FakeSite) -> None:
    run_id = _mixed(fake_site)
    run = fake_site.folder / ".staithe/runs" / run_id
    (run / "summary.json").unlink()
    lines = (run / "events.jsonl").read_text().splitlines(keepends=True)
    ends = {json.loads(one)["host"] for one in lines if '"host_done"' in one}
    assert len(ends) == 4
    kept = [one for one in lines if not ('"host_done"' in one and "@fake/same" in one)]
    # Cut in the middle of a line, as a kill leaves it.
    (run / "events.jsonl").write_text("".join(kept) + kept[-1][:20])
    again = fake_site.staithe("preflight", "inventory.py", "--json", "--retry-failed", run_id, code=1)
    assert list(again.outcomes) == ["same", "refused", "broken", "failed"]


def test_nothing_left_to_retry(fake_site: FakeSite) -> None:
    fake_site.add("h0", fake_site.converged())
    fake_site.staithe("apply", "inventory.py", "--yes")
    done = fake_site.staithe("apply", "inventory.py", "--yes", "--retry-failed", "last")
    assert "nothing to retry" in done.out
    document = fake_site.staithe("apply", "inventory.py", "--yes", "--json", "--retry-failed", "last").json
    assert document["hosts"] == []


def test_a_host_that_left_the_inventory_is_named(fake_site: FakeSite) -> None:
    run_id = _mixed(fake_site)
    hosts = json.loads((fake_site.folder / "hosts.json").read_text())
    del hosts["broken"]
    (fake_site.folder / "hosts.json").write_text(json.dumps(hosts))
    done = fake_site.staithe("plan", "inventory.py", "--retry-failed", run_id, code=4)
    assert "no longer in the inventory: @fake/broken" in done.out
    for name in ("refused", "failed"):
        del hosts[name]
    (fake_site.folder / "hosts.json").write_text(json.dumps(hosts))
    gone = fake_site.staithe("plan", "inventory.py", "--retry-failed", run_id, code=2)
    assert "none of these hosts" in gone.err


def test_no_such_run(fake_site: FakeSite) -> None:
    fake_site.add("h0", fake_site.converged())
    assert "no run 1999" in fake_site.staithe("plan", "inventory.py", "--retry-failed", "1999", code=2).err
    assert "no run of apply" in fake_site.staithe("plan", "inventory.py", "--retry-failed", "last", code=2).err


def test_names_are_exact_and_no_patterns(fake_site: FakeSite, tmp_path: Path) -> None:
    """A name may look like a pattern, or be a group's too."""
    fake_site.add("h1", "rubbish\n")
    fake_site.add("h1x", fake_site.converged())
    fake_site.staithe("apply", "inventory.py", "--yes", code=1)
    text = (fake_site.folder / "inventory.py").read_text()
    (fake_site.folder / "inventory.py").write_text(text.replace("hosts = [", "everyone = ["))
    again = fake_site.staithe("plan", "inventory.py", "--json", "--retry-failed", "last", code=1)
    assert list(again.outcomes) == ["h1"]
