"""Saved plans through the real runner: what moved is named and refuses its host, the others go on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fake_site import FakeSite


def _site(site: FakeSite) -> FakeSite:
    site.add("h0", site.bare())
    site.add("h1", site.converged())
    return site


def _save(site: FakeSite, *options: str, code: int = 0) -> dict[str, Any]:
    site.staithe("plan", "inventory.py", "--out", "p.json", *options, code=code)
    loaded: dict[str, Any] = json.loads((site.folder / "p.json").read_text())
    return loaded


def _problems(site: FakeSite, name: str, *options: str) -> dict[str, str]:
    done = site.staithe("apply", "--plan", "p.json", "--json", *options, code=None)
    return {one["code"]: one["found"] for one in done.host(name)["problems"]}


def _tried(site: FakeSite) -> list[str]:
    newest = max(site.folder.glob(".staithe/runs/*/events.jsonl"))
    events = [json.loads(line) for line in newest.read_text().splitlines()]
    return sorted({one["host"].removeprefix("@fake/") for one in events if one["type"] == "change_started"})


def test_a_plan_that_holds_is_carried_out_without_a_question(fake_site: FakeSite) -> None:
    saved = _save(_site(fake_site))
    assert list(saved["hosts"]) == ["@fake/h0", "@fake/h1"]
    assert (fake_site.folder / "p.json").stat().st_mode & 0o777 == 0o600
    # A fake host takes no change, so it fails; what counts is that it was begun.
    done = fake_site.staithe("apply", "--plan", "p.json", "--json", code=1)
    assert done.outcomes == {"h0": "failed", "h1": "unchanged"}
    assert _tried(fake_site) == ["h0"]


def test_what_moved_in_the_configuration_is_named_and_the_others_go_on(fake_site: FakeSite) -> None:
    _save(_site(fake_site))
    fake_site.add("h1", fake_site.converged(), daemon={"log-opts": {"max-size": "10m"}})
    done = fake_site.staithe("apply", "--plan", "p.json", "--json", code=1)
    assert done.outcomes == {"h0": "failed", "h1": "refused"}
    (problem,) = [one for one in done.host("h1")["problems"] if one["code"] == "E351"]
    assert problem["found"] == "daemon.log-opts.max-size"
    shown = fake_site.staithe("apply", "--plan", "p.json", code=1)
    assert "E351" in shown.out and "daemon.log-opts.max-size" in shown.out


def test_what_moved_on_the_host_is_named(fake_site: FakeSite) -> None:
    state = fake_site.converged()
    fake_site.add(
        "h0", state.model_copy(update={"docker_group": state.docker_group.model_copy(update={"members": ()})})
    )
    _save(fake_site)
    unit = state.units["docker.service"].model_copy(update={"active_state": "failed"})
    sysctl = {**state.kernel.sysctl, "net.ipv4.ip_forward": "0"}
    fake_site.add(
        "h0",
        state.model_copy(
            update={
                "units": {**state.units, "docker.service": unit},
                "kernel": state.kernel.model_copy(update={"sysctl": sysctl}),
                "docker": None,
                "images": None,
            }
        ),
    )
    found = _problems(fake_site, "h0")
    assert list(found) == ["E353"]
    for words in ("docker.service is failed", "kernel net.ipv4.ip_forward is 0", "docker group"):
        assert words in found["E353"]
    assert _tried(fake_site) == []


def test_clock_free_bytes_and_containers_move_nothing(fake_site: FakeSite) -> None:
    state = fake_site.bare()
    fake_site.add("h0", state)
    _save(fake_site)
    storage = {
        path: one.model_copy(update={"free_bytes": one.free_bytes - 5000}) for path, one in state.storage.items()
    }
    fake_site.add("h0", state.model_copy(update={"clock": state.clock + 500, "storage": storage, "boot_id": "other"}))
    assert _problems(fake_site, "h0") == {}
    assert _tried(fake_site) == ["h0"]


def test_a_moved_host_with_nothing_to_do_is_as_described(fake_site: FakeSite) -> None:
    fake_site.add("h0", fake_site.bare())
    _save(fake_site)
    fake_site.add("h0", fake_site.converged())
    done = fake_site.staithe("apply", "--plan", "p.json", "--json")
    assert done.outcomes == {"h0": "unchanged"}


def test_a_moved_bundle(fake_site: FakeSite) -> None:
    saved = _save(_site(fake_site))
    for host in saved["hosts"].values():
        host["basis"]["bundle"] = f"sha256:{'0' * 64}"
    (fake_site.folder / "p.json").write_text(json.dumps(saved))
    assert list(_problems(fake_site, "h0")) == ["E352"]


def test_hosts_that_came_and_went(fake_site: FakeSite) -> None:
    _save(_site(fake_site))
    hosts = json.loads((fake_site.folder / "hosts.json").read_text())
    fake_site.add("h2", fake_site.bare())
    hosts = json.loads((fake_site.folder / "hosts.json").read_text())
    del hosts["h0"]
    (fake_site.folder / "hosts.json").write_text(json.dumps(hosts))
    for shards in ("1", "2"):
        done = fake_site.staithe("apply", "--plan", "p.json", "--json", "--shards", shards, code=4)
        assert done.outcomes == {"h1": "unchanged", "h2": "refused", "h0": "refused"}
        codes = {name: done.host(name)["problems"][0]["code"] for name in ("h0", "h2")}
        assert codes == {"h0": "E355", "h2": "E354"}
    only = fake_site.staithe("apply", "--plan", "p.json", "--json", "--limit", "*h1")
    assert only.outcomes == {"h1": "unchanged"}


def test_hosts_that_could_not_be_planned_are_left_out(fake_site: FakeSite) -> None:
    fake_site.add("h0", "rubbish\n")
    fake_site.add("h1", fake_site.converged())
    done = fake_site.staithe("plan", "inventory.py", "--out", "p.json", code=1)
    assert "not in p.json: @fake/h0" in done.out
    assert "staithe apply --plan p.json" in done.out


def test_settings_and_inventory_come_from_the_plan(fake_site: FakeSite) -> None:
    _site(fake_site)
    saved = _save(fake_site, "--set", "daemon.debug=true", "--limit", "*h1")
    assert (saved["settings"], saved["limit"], saved["inventory"]) == (
        {"daemon": {"debug": True}},
        ["*h1"],
        "inventory.py",
    )
    done = fake_site.staithe("apply", "./inventory.py", "--plan", "p.json", "--json", code=1)
    assert "service:reload:docker.service" in [one["id"] for one in done.host("h1")["changes"]]
    assert list(done.outcomes) == ["h1"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--plan", "p.json", "other.py"), "made for another inventory"),
        (("--plan", "p.json", "--set", "daemon.debug=true"), "do not go with --plan"),
        (("--plan", "nowhere.json"), "cannot read the plan"),
        ((), "INVENTORY is missing"),
    ],
)
def test_wrong_use(fake_site: FakeSite, options: tuple[str, ...], words: str) -> None:
    _save(_site(fake_site))
    runs = len(list(fake_site.folder.glob(".staithe/runs/*")))
    assert words in fake_site.staithe("apply", *options, code=2).err
    assert len(list(fake_site.folder.glob(".staithe/runs/*"))) == runs


def test_a_plan_of_the_hosts_that_failed_is_a_plan_of_no_other(fake_site: FakeSite) -> None:
    _site(fake_site).staithe("apply", "inventory.py", "--yes", code=1)
    saved = _save(fake_site, "--retry-failed", "last")
    assert (saved["only"], list(saved["hosts"])) == (["@fake/h0"], ["@fake/h0"])
    done = fake_site.staithe("apply", "--plan", "p.json", "--json", code=1)
    assert done.outcomes == {"h0": "failed"}


def test_no_secret_is_saved(fake_site: FakeSite) -> None:
    proxy = {"http-proxy": "http://jane:s3cr3t@proxy.example.com"}
    fake_site.add("h0", fake_site.bare(), daemon={"proxies": proxy})
    fake_site.staithe("plan", "inventory.py", "--out", "p.json")
    text = (fake_site.folder / "p.json").read_text()
    assert "s3cr3t" not in text and "jane" not in text
    assert "daemon.proxies.http-proxy" in text
    setting = f"daemon.proxies.http-proxy={proxy['http-proxy']}"
    done = fake_site.staithe("plan", "inventory.py", "--out", "q.json", "--set", setting, code=2)
    assert "saved plan holds no secret" in done.err and "s3cr3t" not in done.err
    assert not (fake_site.folder / "q.json").exists()


def test_a_place_that_cannot_be_written_is_told_before_any_host_is_asked(fake_site: FakeSite) -> None:
    _site(fake_site)
    done = fake_site.staithe("plan", "inventory.py", "--out", "nowhere/p.json", code=2)
    assert "cannot be saved" in done.err
    assert not list(fake_site.folder.glob(".staithe/runs/*"))
