"""What happens to a run is not always a kill: the power goes, the line is cut, the disk fills, two work at once."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import ENGINES, SMOKE_IMAGE, Host, Site
from tests.lab.killing import Killed, Wish, assert_converged, assert_nothing_is_half, look, rest

_WISH, _OTHER = Wish("28.5.2", "wish=first"), Wish("26.1.5", "wish=second")
_NO_SMOKE = ("--set", "smoke.enabled=false")


@pytest.fixture
def archives() -> Mapping[str, Path]:
    from staithe.lab import artifacts

    return {version: artifacts.located().engines[version] for version in ENGINES}


def _begins(change: str) -> Any:
    return lambda event: event["type"] == "change_started" and event["change_id"].startswith(change)


def _ends(run: Killed, seconds: float) -> dict[str, Any]:
    """Wait for a run to end by itself and return what it says of its host."""
    said, _ = run.process.communicate(timeout=seconds)
    assert "Traceback" not in said
    (summary,) = run.records.glob("*/summary.json")
    result: dict[str, Any] = json.loads(summary.read_text())["hosts"][0]
    assert str(summary.parent) in said, "a run that fails names its record"
    return result


@pytest.mark.parametrize("change", ["binaries:create", "units:", "service:"])
def test_host_that_is_rebooted_in_the_middle(
    site: Site, program: str, hosts: dict[str, Host], archives: Mapping[str, Path], change: str
) -> None:
    host = hosts["h4"]
    for _ in range(4):
        site.staithe("lab", "reset", "h4")
        before = look(host)
        run = Killed(site, program, host, _WISH, _NO_SMOKE)
        assert run.wait_until(_begins(change))
        site.staithe("lab", "reboot", "h4")
        failed = _ends(run, 150)
        if failed["error"] is not None:
            break  # else the run was faster than the blow
    assert failed["error"] is not None
    assert failed["error"]["code"] in ("E207", "E210", "E211"), failed["error"]
    seen = look(host)
    site.run("apply", *_WISH.arguments, *_NO_SMOKE, limit="h4")
    after = assert_converged(site, host, _WISH, archives)
    assert_nothing_is_half(seen, before, after, archives)


def test_line_that_is_back_soon_costs_nothing_but_time(
    site: Site, program: str, hosts: dict[str, Host], archives: Mapping[str, Path]
) -> None:
    site.staithe("lab", "reset", "h4")
    run = Killed(site, program, hosts["h4"], _WISH, _NO_SMOKE)
    assert run.wait_until(_begins("binaries:create"))
    try:
        site.staithe("lab", "cut", "h4")
        time.sleep(12)
    finally:
        site.staithe("lab", "mend")
    done = _ends_well(run)
    assert done["outcome"] == "changed"
    assert_converged(site, hosts["h4"], _WISH, archives)


def _ends_well(run: Killed) -> dict[str, Any]:
    said, _ = run.process.communicate(timeout=200)
    assert run.process.returncode == 0, said
    (summary,) = run.records.glob("*/summary.json")
    result: dict[str, Any] = json.loads(summary.read_text())["hosts"][0]
    return result


def test_line_that_stays_cut_is_told_and_holds_no_lock(
    site: Site, program: str, hosts: dict[str, Host], archives: Mapping[str, Path]
) -> None:
    """The host never hears that its controller is gone; it lets go of the lock by itself."""
    host = hosts["h4"]
    site.staithe("lab", "reset", "h4")
    run = Killed(site, program, host, _WISH, _NO_SMOKE)
    assert run.wait_until(_begins("binaries:create"))
    began = time.monotonic()
    try:
        site.staithe("lab", "cut", "h4")
        failed = _ends(run, 200)
        assert failed["error"]["code"] == "E210", failed["error"]
        assert time.monotonic() - began < 150
    finally:
        site.staithe("lab", "mend")
    rest(host, within_s=100)
    site.run("apply", *_WISH.arguments, *_NO_SMOKE, limit="h4")
    assert_converged(site, host, _WISH, archives)


def test_full_disk_below_the_record_is_told_and_the_engine_stays(site: Site, converged: Host) -> None:
    pid = converged.pid()
    converged.sh(
        "cp -a /var/lib/staithe /run/kept && mount -t tmpfs -o size=1500k full /var/lib/staithe"
        " && (cp -a /run/kept/. /var/lib/staithe/ 2>/dev/null || :)"
        " && head -c 2m /dev/zero > /var/lib/staithe/zeros || :"
    )
    try:
        failed = site.run("apply", "--set", 'daemon.labels=["full=1"]', limit="h2", code=1).host("h2")
        assert failed["error"]["code"] == "E217", failed["error"]
        assert "No space left" in failed["error"]["message"]
        assert (converged.pid(), converged.sh("systemctl is-active docker")) == (pid, "active")
        assert "full=1" not in converged.sh("cat /etc/docker/daemon.json")
    finally:
        converged.sh("umount /var/lib/staithe; rm -rf /run/kept")
    assert site.run("plan", "--check", limit="h2").host("h2")["changes"] == []


def test_blobs_that_are_on_the_host_are_not_sent_again(site: Site, converged: Host) -> None:
    """A deleted image comes from the blobs that stayed; one of them that is damaged, and only that, is sent."""
    site.configure(smoke={"enabled": False})
    site.run("apply", limit="h2")
    for harm, sent in ((":", 0), ("for blob in /var/lib/staithe/blobs/sha256/*; do echo x >> $blob; done", 1)):
        converged.sh(f"docker rmi {SMOKE_IMAGE} > /dev/null; {harm}")
        done = site.run("apply", limit="h2")
        assert done.host("h2")["changed"] == [f"images:load:{SMOKE_IMAGE}"]
        events = (site.folder / done.json["directory"] / "events.jsonl").read_text().splitlines()
        blobs = {one["blob"] for one in map(json.loads, events) if one["type"] == "transferred"}
        assert len(blobs) == sent
        assert converged.sh(f"docker run --rm {SMOKE_IMAGE} echo here") == "here"


def test_overlapping_inventories_at_once(
    site: Site, program: str, hosts: dict[str, Host], archives: Mapping[str, Path]
) -> None:
    """h3 and h4 against h4 and h5, with other wishes: nobody's host ends as a mixture."""
    site.staithe("lab", "reset", "h3", "h4", "h5")
    cases = ((_WISH, ("h3", "h4")), (_OTHER, ("h4", "h5")))

    def apply(case: tuple[Wish, tuple[str, str]]) -> dict[str, Any]:
        wish, names = case
        limits = [word for name in names for word in ("--limit", name)]
        return site.run("apply", *wish.arguments, *_NO_SMOKE, *limits, code=None).json

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(apply, cases)
    outcomes = {(index, host["host"]): host for index, run in enumerate((first, second)) for host in run["hosts"]}
    assert outcomes[0, "h3"]["outcome"] == outcomes[1, "h5"]["outcome"] == "changed"
    shared = [outcomes[0, "h4"], outcomes[1, "h4"]]
    refused = [host for host in shared if host["outcome"] == "failed"]
    # One of them had it first; the other was told so, or came when the first was done.
    assert len(refused) <= 1
    for host in refused:
        assert host["error"]["code"] == "E215" and "run " in host["error"]["message"]
    last = _OTHER if outcomes[1, "h4"]["outcome"] == "changed" else _WISH
    if not refused:
        # Both changed it, one after the other: whoever came last is what holds.
        running = hosts["h4"].sh("docker version -f '{{.Server.Version}}'")
        last = _WISH if running.startswith(_WISH.version) else _OTHER
    assert_converged(site, hosts["h3"], _WISH, archives)
    assert_converged(site, hosts["h4"], last, archives)
    assert_converged(site, hosts["h5"], _OTHER, archives)


def test_stopped_run_is_unlocked_by_name(site: Site, program: str, hosts: dict[str, Host]) -> None:
    """A runner that hangs: the second operator sees whose it is, and takes the host."""
    import os
    import signal

    host = hosts["h4"]
    site.staithe("lab", "reset", "h4")
    run = Killed(site, program, host, _WISH, _NO_SMOKE)
    assert run.wait_until(_begins("binaries:create"))
    (runner,) = run.runners()
    os.kill(runner, signal.SIGSTOP)
    try:
        run_id = run.events[0]["run_id"]
        told = site.run("apply", *_WISH.arguments, *_NO_SMOKE, limit="h4", code=1).host("h4")
        assert told["error"]["code"] == "E215"
        assert f"run {run_id} of " in told["error"]["message"]
        ended = site.staithe("unlock", site.inventory, "--yes", "--limit", "h4")
        assert run_id in ended.out
        again = site.staithe("unlock", site.inventory, "--yes", "--json", "--limit", "h4")
        assert again.host("h4")["outcome"] == "unchanged"
        site.run("apply", *_WISH.arguments, *_NO_SMOKE, limit="h4")
    finally:
        os.kill(runner, signal.SIGCONT)
    failed = _ends(run, 100)
    assert failed["error"]["code"] in ("E210", "E215"), failed["error"]
    assert host.sh("docker version -f '{{.Server.Version}}'").startswith("28.5.2")
    assert site.run("plan", "--check", *_WISH.arguments, *_NO_SMOKE, limit="h4").code == 0
