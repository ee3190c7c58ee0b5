"""A saved plan on real hosts: what was read is done; what moved since is named, and its host is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staithe.run import Run
from tests.lab.conftest import LAB_ID, Host, Site

_QUICK = ("--set", "smoke.enabled=false")


def _save(site: Site, *limit: str) -> dict[str, Any]:
    options = [word for one in limit for word in ("--limit", one)]
    site.staithe("plan", "inventory.py", "--out", "plan.json", *_QUICK, *options)
    loaded: dict[str, Any] = json.loads((site.folder / "plan.json").read_text())
    return loaded


def test_a_saved_plan_from_first_to_last(site: Site, hosts: dict[str, Host]) -> None:
    """h1 fresh and left alone, h2 fresh and touched since; then the same plan once more, and once it is old."""
    site.staithe("lab", "reset", "h1", "h2")
    saved = _save(site, "h1", "h2")
    assert list(saved["hosts"]) == ["h1", "h2"]
    hosts["h2"].sh("mkdir -p /etc/docker; echo '{}' > /etc/docker/daemon.json; sysctl -qw net.ipv4.ip_forward=1")

    done = site.staithe("apply", "--plan", "plan.json", "--json", code=4)
    assert {one["host"]: one["outcome"] for one in done.json["hosts"]} == {"h1": "changed", "h2": "refused"}
    assert done.host("h1")["changed"] == [one["id"] for one in saved["hosts"]["h1"]["changes"]]
    (problem,) = done.host("h2")["problems"]
    assert problem["code"] == "E353"
    assert "/etc/docker/daemon.json" in problem["found"] and "kernel net.ipv4.ip_forward is 1" in problem["found"]
    assert hosts["h1"].sh("docker info -f '{{.ServerVersion}}'").startswith("28.5.2")
    assert hosts["h2"].sh("cat /etc/docker/daemon.json; ls -d /var/lib/staithe 2>/dev/null", check=False) == "{}"

    again = site.staithe("apply", "--plan", "plan.json", "--limit", "h1")
    assert "nothing to do: h1" in again.out

    hosts["h1"].sh("systemctl stop docker.service docker.socket")
    old = site.staithe("apply", "--plan", "plan.json", "--limit", "h1", "--json", code=4)
    assert "docker.service is inactive" in old.host("h1")["problems"][0]["found"]
    assert hosts["h1"].sh("systemctl is-active docker.service", check=False) == "inactive"


def test_a_host_that_changes_after_the_question_is_refused(
    site: Site, hosts: dict[str, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again once it is locked; the other host is done."""
    site.staithe("lab", "reset", "h1", "h2")
    monkeypatch.chdir(site.folder)
    monkeypatch.setenv("STAITHE_LAB_ID", LAB_ID)

    def agree(result: object) -> bool:
        hosts["h2"].sh("sysctl -qw net.ipv4.ip_forward=1")
        return True

    settings = {"smoke": {"enabled": False}}
    result = Run("apply", "inventory.py", ask=agree, limit=["h1", "h2"], settings=settings).go()
    assert {host.host: host.outcome for host in result.hosts} == {"h1": "changed", "h2": "refused"}
    (problem,) = next(host for host in result.hosts if host.host == "h2").problems
    assert (problem.code, problem.found) == ("E356", "kernel:set:net.ipv4.ip_forward")
    assert result.exit_code == 4
    assert hosts["h2"].sh("ls /etc/sysctl.d/99-staithe.conf 2>&1", check=False).startswith("ls: cannot access")


def test_a_host_that_changes_before_its_turn_is_refused_by_a_saved_plan(site: Site, hosts: dict[str, Host]) -> None:
    """Batches of one: the second host's state moves while the first is at work. The claim sees it."""
    site.staithe("lab", "reset", "h1", "h2")
    _save(site, "h1", "h2")
    # h1's modprobe touches h2 by way of its shared kernel setting: here a file that h1's own change waits for.
    hosts["h2"].sh("nohup sh -c 'sleep 4; mkdir -p /etc/docker; echo {} > /etc/docker/daemon.json' >/dev/null 2>&1 &")
    done = site.staithe("apply", "--plan", "plan.json", "--json", "--batch", "1", code=4)
    assert {one["host"]: one["outcome"] for one in done.json["hosts"]} == {"h1": "changed", "h2": "refused"}
    assert "/etc/docker/daemon.json" in done.host("h2")["problems"][0]["found"]
