"""A fleet spread over several runners comes to the same as in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from staithe.run import Run
from tests.fake_site import FakeSite


def _hosts(site: FakeSite) -> None:
    site.add("h1", site.bare())
    site.add("h2", site.converged())
    site.add("h3", site.bare().model_copy(update={"missing_commands": ("iptables",)}))
    site.add("h4", "rubbish\n")
    site.add("h5", site.converged())


def _comparable(document: dict[str, Any]) -> dict[str, Any]:
    hosts = [{**host, "seconds": 0} for host in document["hosts"]]
    return {**document, "run_id": "", "directory": "", "hosts": hosts}


def test_shards_give_the_same_result_as_one_runner(fake_site: FakeSite) -> None:
    """In inventory order too."""
    _hosts(fake_site)
    one = fake_site.staithe("plan", "inventory.py", "--json", code=1)
    several = fake_site.staithe("plan", "inventory.py", "--json", "--shards", "2", code=1)
    assert _comparable(several.json) == _comparable(one.json)


@pytest.mark.timeout(30)
def test_the_question_comes_once_and_with_all_plans(
    fake_site: FakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A shard without hosts has nothing to prepare, and must not keep the others waiting."""
    fake_site.add("h1", fake_site.bare())
    fake_site.add("h2", fake_site.bare())
    monkeypatch.chdir(tmp_path)
    asked = []

    def ask(result: Any) -> bool:
        asked.append([host.host for host in result.hosts if host.changes])
        return False

    result = Run("apply", "inventory.py", shards=3, ask=ask).go()
    assert asked == [["@fake/h1", "@fake/h2"]]
    assert result.exit_code == 130
    assert {host.outcome for host in result.hosts} == {"cancelled"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("parallel", [0, 1])
def test_more_hosts_may_wait_for_the_answer_than_may_work(
    fake_site: FakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parallel: int
) -> None:
    """A host that waits holds no place: the question comes, however many hosts have changes."""
    count = 45 if parallel == 0 else 3
    for number in range(count):
        fake_site.add(f"h{number}", fake_site.bare())
    monkeypatch.chdir(tmp_path)
    asked = []

    def ask(result: Any) -> bool:
        asked.append(sum(1 for host in result.hosts if host.changes))
        return False

    Run("apply", "inventory.py", ask=ask, parallel=parallel).go()
    assert asked == [count]
