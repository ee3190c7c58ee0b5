"""Whole plans through the real runner: hosts that answer as recorded or as made up, one mistake, many hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from staithe.probe.state import HostState
from tests.fake_site import ROOT, FakeSite

_RECORDED = ROOT / "tests/unit/probe/answers"
_BARE_PLAN = [
    "kernel:create:/etc/modules-load.d/staithe.conf",
    "kernel:load:module overlay",
    "kernel:load:module br_netfilter",
    "kernel:create:/etc/sysctl.d/99-staithe.conf",
    "kernel:set:net.bridge.bridge-nf-call-ip6tables",
    "kernel:set:net.bridge.bridge-nf-call-iptables",
    "kernel:set:net.ipv4.ip_forward",
    "binaries:create:ENGINE",
    "binaries:set:/usr/libexec/docker/staithe/current",
    "units:create:group docker",
    "units:create:/etc/systemd/system/containerd.service",
    "units:create:/etc/systemd/system/docker.socket",
    "units:create:/etc/systemd/system/docker.service",
    "daemon:create:/etc/docker/daemon.json",
    "service:enable:containerd.service",
    "service:enable:docker.socket",
    "service:enable:docker.service",
    "service:start:docker.socket",
    "service:start:containerd.service",
    "service:start:docker.service",
    "users:add:ops to group docker",
    "images:load:staithe/smoke:1",
    "record:create:/var/lib/staithe/record.json",
    "smoke:run:containers",
]


def _refused(site: FakeSite) -> HostState:
    return site.bare().model_copy(update={"missing_commands": ("iptables", "tar")})


def _mixed(site: FakeSite) -> FakeSite:
    site.add("h1", site.bare())
    site.add("h2", site.converged())
    site.add("h3", _refused(site))
    site.add("h4", "Welcome to this machine!\n")
    site.add("h5", site.bare())
    return site


def test_a_bare_host_needs_everything_in_the_order_of_work(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.bare())
    host = fake_site.staithe("plan", "inventory.py", "--json").host("h1")
    ids = [change["id"] for change in host["changes"]]
    engine = next(one for one in ids if one.startswith("binaries:create:"))
    assert [one.replace(engine, "binaries:create:ENGINE") for one in ids] == _BARE_PLAN
    assert host["outcome"] == "pending"
    assert host["not_done"] == ids


def test_a_converged_host_needs_nothing(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.converged())
    done = fake_site.staithe("plan", "inventory.py", "--check", "--json")
    assert done.host("h1")["changes"] == []
    assert done.outcomes == {"h1": "unchanged"}


def test_check_tells_pending_changes_by_its_exit_code(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.bare())
    fake_site.staithe("plan", "inventory.py", "--check", code=3)


def test_a_refused_host_is_told_with_all_its_problems(fake_site: FakeSite) -> None:
    fake_site.add("h1", _refused(fake_site))
    host = fake_site.staithe("preflight", "inventory.py", "--json", code=4).host("h1")
    assert [one["message"] for one in host["problems"]] == [
        "the command iptables is missing",
        "the command tar is missing",
    ]
    assert host["changes"] == []


def test_no_answer_fails_that_host_and_no_other(fake_site: FakeSite) -> None:
    answers = ["", "Welcome to this machine!\n", "@begin staithe-probe 1\n", "@begin staithe-probe 99\n"]
    for number, answer in enumerate(answers):
        fake_site.add(f"odd{number}", answer)
    fake_site.add("bare", fake_site.bare())
    done = fake_site.staithe("plan", "inventory.py", "--json", code=1)
    assert {done.host(f"odd{number}")["error"]["code"] for number in range(len(answers))} == {"E206"}
    assert done.outcomes == {**{f"odd{number}": "failed" for number in range(len(answers))}, "bare": "pending"}


def test_many_hosts_each_come_to_their_own(fake_site: FakeSite) -> None:
    done = _mixed(fake_site).staithe("plan", "inventory.py", "--json", code=1)
    assert done.outcomes == {"h1": "pending", "h2": "unchanged", "h3": "refused", "h4": "failed", "h5": "pending"}
    assert done.host("h1")["changes"] == done.host("h5")["changes"]


@pytest.mark.parametrize(
    ("limit", "hosts"),
    [(["@fake/h2", "*h5", "*h1"], ["h1", "h2", "h5"]), (["hosts"], ["h1", "h2", "h3", "h4", "h5"])],
)
def test_limit(fake_site: FakeSite, limit: list[str], hosts: list[str]) -> None:
    options = [word for one in limit for word in ("--limit", one)]
    done = _mixed(fake_site).staithe("plan", "inventory.py", "--json", *options, code=None)
    assert list(done.outcomes) == hosts


def test_limit_that_fits_nothing(fake_site: FakeSite) -> None:
    done = _mixed(fake_site).staithe("plan", "inventory.py", "--limit", "web*", code=2)
    assert "error E102" in done.err
    assert "@fake/h1" in done.err


@pytest.mark.parametrize("shards", ["1", "2"])
def test_a_mistake_in_the_configuration_stops_before_any_host(fake_site: FakeSite, shards: str) -> None:
    """Whichever shard a host is in: the others must not go ahead."""
    fake_site.add("h1", fake_site.bare())
    fake_site.add("h2", fake_site.bare(), engine={"bundel": "x"})
    fake_site.add("h3", fake_site.bare(), daemon={"debug": "maybe"})
    done = fake_site.staithe("plan", "inventory.py", "--shards", shards, code=2)
    assert "error E101" in done.err
    assert "engine.bundel" in done.err and "daemon.debug" in done.err
    (events,) = fake_site.folder.glob(".staithe/runs/*/events.jsonl")
    assert "host_connected" not in events.read_text()


def test_a_mistake_in_the_inventory_stops_before_any_host(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.bare())
    (fake_site.folder / "inventory.py").write_text("hosts = [\n", encoding="utf-8")
    done = fake_site.staithe("plan", "inventory.py", code=2)
    assert "error E102" in done.err
    assert "inventory.py:1" in done.err


def test_a_bundle_without_the_version_refuses_that_host_only(fake_site: FakeSite) -> None:
    engine = {"bundle": str(fake_site.bundle), "version": "27.0.1"}
    fake_site.add("h1", fake_site.bare(), engine=engine)
    fake_site.add("h2", fake_site.bare())
    done = fake_site.staithe("plan", "inventory.py", "--json", code=5)
    assert done.host("h1")["error"]["code"] == "E400"
    assert done.outcomes == {"h1": "failed", "h2": "pending"}


def test_hosts_as_recorded(fake_site: FakeSite) -> None:
    """What real hosts answered: the bare one gets a plan, the others are refused for what they have or lack."""
    expected = {"bare": set(), "cgroup2": {"E305"}, "rpm": {"E310"}, "no-systemd": {"E301", "E309", "E311", "E313"}}
    for name in expected:
        fake_site.add(name, (_RECORDED / f"{name}.txt").read_text(encoding="utf-8"))
    done = fake_site.staithe("plan", "inventory.py", "--json", code=4)
    assert {name: {one["code"] for one in done.host(name)["problems"]} for name in expected} == expected
    assert {name for name in expected if done.host(name)["changes"]} == {"bare"}


def test_settings_of_the_command_line_win(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.converged())
    done = fake_site.staithe(
        "plan",
        "inventory.py",
        "--json",
        "--set",
        "kernel.sysctl.vm.max_map_count=262144",
        "--set",
        "daemon.debug=true",
    )
    ids = [one["id"] for one in done.host("h1")["changes"]]
    assert "kernel:set:vm.max_map_count" in ids
    assert "service:reload:docker.service" in ids


def test_what_a_run_leaves_on_this_machine(fake_site: FakeSite) -> None:
    done = _mixed(fake_site).staithe("plan", "inventory.py", "--json", code=1)
    run = fake_site.folder / done.json["directory"]
    assert {path.name for path in run.iterdir()} == {"events.jsonl", "summary.json", "hosts", "runner.log"}
    assert (run / "summary.json").read_text() == done.out
    assert len(list((run / "hosts").glob("*.log"))) == 5
    assert Path(run).stat().st_mode & 0o077 == 0
