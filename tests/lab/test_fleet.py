"""Many hosts at once: mixed ones, a slow one, and one that is stopped in the middle."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import LAB_ID, Host, Site


def test_mixed_fleet(site: Site, hosts: dict[str, Host]) -> None:
    """2 fresh, 2 converged, 1 refused, 1 unreachable: the others finish, and the summary says what happened."""
    site.run("apply", "--limit", "h2", "--limit", "h3")
    site.staithe("lab", "reset", "h1", "h4", "h5")
    hosts["h5"].sh("echo mine > /usr/bin/runc; mv /usr/sbin/iptables /usr/sbin/iptables.away; userdel clerk")
    # A name of the inventory whose address nobody has.
    nobody = hosts["h6"].ip.rsplit(".", 1)[0] + ".250"
    text = (site.folder / "inventory.py").read_text()
    (site.folder / "inventory.py").write_text(
        text + f'\nhosts = [(n, {{**d, "ssh_hostname": "{nobody}"}} if n == "h6" else d) for n, d in hosts]\n'
    )
    site.configure(users={"docker_group": ["ops", "clerk"]})
    site.run("apply", "--limit", "h2", "--limit", "h3")
    before = {name: hosts[name].pid() for name in ("h2", "h3")}

    done = site.run("apply", code=1)
    result = {host["host"]: host for host in done.json["hosts"]}
    assert {name: host["outcome"] for name, host in result.items()} == {
        "h1": "changed",
        "h2": "unchanged",
        "h3": "unchanged",
        "h4": "changed",
        "h5": "refused",
        "h6": "failed",
    }
    assert {problem["code"] for problem in result["h5"]["problems"]} == {"E309", "E310", "E311"}
    assert result["h6"]["error"]["code"] == "E201"
    for name in ("h1", "h4"):
        assert all(check["status"] == "passed" for check in result[name]["checks"])
        assert hosts[name].sh("docker info -f '{{.ServerVersion}}'").startswith("28.5.2")
    assert {name: hosts[name].pid() for name in ("h2", "h3")} == before
    assert hosts["h5"].sh("ls -d /usr/libexec/docker /var/lib/staithe /etc/docker 2>/dev/null", check=False) == ""

    folder = site.folder / done.json["directory"]
    assert json.loads((folder / "summary.json").read_text())["exit_code"] == 1
    assert "unpack the engine: exit code 0" in (folder / "hosts" / "h1.log").read_text()
    shown = site.staithe("apply", "inventory.py", "--yes", code=1)
    for word in ("E309", "E310", "E311", "refused", "E201", "h6", "nothing to do"):
        assert word in shown.out


def test_published_port_is_read_by_another_host(site: Site, hosts: dict[str, Host]) -> None:
    site.run("apply", "--limit", "h2", "--limit", "h3")
    both = site.run("smoke", "--limit", "h2", "--limit", "h3")
    for name, peer in (("h2", "h3"), ("h3", "h2")):
        check = next(one for one in both.host(name)["checks"] if one["name"] == "published port")
        assert (check["status"], check["saw"].endswith(f"(read by {peer})")) == ("passed", True)
    alone = site.run("smoke", limit="h2").host("h2")
    check = next(one for one in alone["checks"] if one["name"] == "published port")
    assert check["saw"].endswith("(read by this machine)")


def test_smoke_goes_red_when_a_port_is_not_reachable(site: Site, converged: Host) -> None:
    """The check must be able to fail: packets to the published port are dropped on the host."""
    port = 18888
    converged.sh(f"iptables -t raw -I PREROUTING -p tcp --dport {port} -j DROP")
    try:
        red = site.run("smoke", limit="h2", code=1).host("h2")
    finally:
        converged.sh(f"iptables -t raw -D PREROUTING -p tcp --dport {port} -j DROP")
    failed = [check["name"] for check in red["checks"] if check["status"] == "failed"]
    assert failed == ["published port"]
    assert red["error"]["code"] == "E213"
    assert converged.sh("docker ps -aq") == ""


@pytest.mark.parametrize(("lost", "failed"), [(1, []), (2, ["containerd"])])
def test_words_that_ctr_loses_are_asked_for_once_more(
    site: Site, converged: Host, lost: int, failed: list[str]
) -> None:
    """ctr may lose what a process says that ends at once (containerd issue 5741): here the first words, or all."""
    converged.sh(
        f"""cp "$(readlink -f /usr/bin/ctr)" /run/ctr.real; seq {lost} > /run/ctr.lost
cat > /run/ctr.new <<'EOF'
#!/bin/sh
case " $* " in *' run '*) if [ -s /run/ctr.lost ]; then sed -i 1d /run/ctr.lost; exec > /dev/null; fi ;; esac
exec /run/ctr.real "$@"
EOF
chmod 755 /run/ctr.new; mount --bind /run/ctr.new "$(readlink -f /usr/bin/ctr)"
"""
    )
    try:
        seen = site.run("smoke", limit="h2", code=1 if failed else 0).host("h2")
        assert converged.sh("cat /run/ctr.lost") == "", "it was not asked so often"
    finally:
        converged.sh('umount "$(readlink -f /usr/bin/ctr)"; rm /run/ctr.*')
    assert [check["name"] for check in seen["checks"] if check["status"] == "failed"] == failed


def _events(folder: Path) -> list[dict[str, Any]]:
    found = sorted(folder.glob(".staithe/runs/*/events.jsonl"))
    if not found:
        return []
    lines = found[-1].read_text().splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def _wait_for(condition: Any, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def _start(site: Site, program: str, *args: str, lab_id: str = LAB_ID) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [program, "apply", "inventory.py", "--yes", *args],
        cwd=site.folder,
        env={**os.environ, "STAITHE_LAB_ID": lab_id},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_slow_host_delays_nobody(site: Site, program: str) -> None:
    """Ten hosts; one does not answer its probe before the nine others are done: only then is it let go."""
    # A lab of its own: the session's has six hosts, and must keep its addresses.
    lab_id = hashlib.sha256(f"{LAB_ID} ten".encode()).hexdigest()[:6]
    ten = {"STAITHE_LAB_ID": lab_id}
    site.staithe("lab", "up", "10", env=ten)
    try:
        state = site.staithe("lab", "status", "--json", env=ten).json
        slow = Host("h10", state["hosts"]["h10"]["ip"], state["ssh_config"])
        slow.sh(
            """mv /usr/bin/df /usr/bin/df.real
printf '#!/bin/sh\\nwhile [ ! -e /run/go ]; do sleep 0.2; done\\nexec df.real "$@"\\n' > /usr/bin/df
chmod 755 /usr/bin/df"""
        )
        run = _start(site, program, "--set", "smoke.enabled=false", lab_id=lab_id)
        others = {f"h{number}" for number in range(1, 10)}

        def nine_done() -> bool:
            done = {one["host"] for one in _events(site.folder) if one["type"] == "host_done"}
            return done >= others

        finished = _wait_for(nine_done, 200)
        late = [one for one in _events(site.folder) if one["host"] == "h10"]
        # Either the probe is still waiting, or its own time limit has ended it; it has not been planned.
        assert "host_planned" not in {one["type"] for one in late}
        slow.sh("touch /run/go")
        out, _ = run.communicate(timeout=200)
        assert finished, out
        outcomes = {one["host"]: one["outcome"] for one in _events(site.folder) if one["type"] == "host_done"}
        assert {name: outcomes[name] for name in others} == dict.fromkeys(others, "changed"), out
    finally:
        site.staithe("lab", "down", env=ten)


def test_second_run_at_one_host_is_told_who_has_it(site: Site, program: str, bare: Host) -> None:
    first = _start(site, program, "--limit", "h1")
    assert _wait_for(lambda: any(one["type"] == "change_started" for one in _events(site.folder)), 60)
    run_id = _events(site.folder)[0]["run_id"]
    told = site.run("apply", "--set", "engine.version=26.1.5", limit="h1", code=1).host("h1")
    assert told["error"]["code"] == "E215"
    assert f"run {run_id} of " in told["error"]["message"]
    assert told["changed"] == []
    out, _ = first.communicate(timeout=120)
    assert first.returncode == 0, out
    assert bare.sh("docker version -f '{{.Server.Version}}'").startswith("28.5.2")
    assert site.run("plan", "--check", limit="h1").host("h1")["changes"] == []


def test_killed_run_leaves_no_lock_and_nothing_half(site: Site, program: str, bare: Host) -> None:
    run = _start(site, program, "--limit", "h1")
    assert _wait_for(lambda: any(one["type"] == "transferred" for one in _events(site.folder)), 60), (
        "nothing was on its way"
    )
    # The CLI alone: its runner hears the pipe close and ends as well.
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    assert _wait_for(lambda: "free" in bare.sh("flock -n /var/lib/staithe/lock echo free", check=False), 60)
    assert site.run("apply", limit="h1").host("h1")["outcome"] == "changed"
    assert bare.sh("docker info -f '{{.ServerVersion}}'").startswith("28.5.2")
    names = ("*.staithe-new", ".new-*", "*.part", ".engine.fifo*")
    places = "/etc /usr/bin /usr/libexec /var/lib/staithe"
    assert [bare.sh(f"find {places} -name '{name}'", check=False) for name in names] == [""] * len(names)


def test_ctrl_c_stops_cleanly(site: Site, program: str, bare: Host) -> None:
    run = _start(site, program, "--limit", "h1")

    def at_work() -> bool:
        return any(one["type"] == "change_started" and one["component"] == "binaries" for one in _events(site.folder))

    assert _wait_for(at_work, 60)
    # What a terminal does: the signal goes to the foreground process group.
    os.killpg(run.pid, signal.SIGINT)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 130, out
    assert "not done:" in out
    assert "service:start:docker.service" in out or "..." in out
    assert "Traceback" not in out
    assert (
        bare.sh(
            "ls -A /var/lib/staithe | grep -e fifo -e part; ls /usr/libexec/docker/staithe -A | grep new", check=False
        )
        == ""
    )
    assert site.run("apply", limit="h1").host("h1")["outcome"] == "changed"
