"""`staithe remove` where an engine was taken over: what stays is as before, and the rest is declared."""

from __future__ import annotations

import json

from tests.lab.conftest import Host, Site
from tests.lab.host_snapshot import snapshot
from tests.lab.origins import DAEMON_JSON, settle
from tests.lab.supply import Supply

NEW = "28.5.2"
_UNITS = "for unit in docker.service docker.socket containerd.service; do systemctl is-enabled $unit; done; :"


def test_packages_that_were_there_stay_as_they_were(site: Site, bare: Host, supply: Supply) -> None:
    supply.give_el(bare)
    settle(bare, "script", supply)
    bare.sh("docker run -d --name keep --restart=always staithe/smoke:1 sleep 1000")
    before, units = snapshot(bare), bare.sh(_UNITS)
    assert "disabled" in units, "else there is nothing to bring back"

    more = {"log-driver": "local"}
    supply.configure(site, "repository", NEW, engine={"take_over": True}, daemon=more)
    site.run("apply", limit="h1")
    assert bare.sh(_UNITS) != units and bare.sh("docker info -f '{{.LoggingDriver}}'") == "local"
    pid = bare.pid()

    done = site.run("remove", "--yes", limit="h1").host("h1")
    assert done["error"] is None and done["outcome"] == "changed"
    told = {f"{one['kind']} {one['target']}": one for one in done["changes"]}
    assert told["restart docker.service"]["containers"] == "restarted"
    assert {"enable docker.socket", "enable containerd.service"} <= told.keys()
    # It runs, anew, and with what it ran with before.
    assert bare.sh(_UNITS) == units and bare.pid() not in ("0", pid)
    assert bare.sh("cat /etc/docker/daemon.json") == DAEMON_JSON
    assert bare.sh("docker info -f '{{.LoggingDriver}} {{.Labels}}'") == "json-file [rack=7]"
    assert bare.sh("docker inspect -f '{{.State.Running}}' keep") == "true"
    declared = " ".join(done["remains"])
    for name in ("docker-ce", "docker-ce-cli", "containerd.io"):
        assert f"package {name}: was " in declared
    # What differs is declared, each line of it: other versions, and a container that was started anew.
    left = before.difference(snapshot(bare), ignoring=("containers", "programs", "verify", "kernel"))
    lines = [line.split()[1] for line in left.splitlines() if line.startswith("  ")]
    known = ("docker-ce", "docker-ce-cli", "docker-ce-rootless-extras", "docker-compose-plugin", "containerd.io")
    packaged = "/usr/lib/systemd/system/"
    assert [one for one in lines if not one.startswith((*known, packaged))] == [], left
    again = site.run("remove", "--yes", limit="h1").host("h1")
    assert (again["outcome"], again["changes"]) == ("unchanged", [])


def test_a_unit_by_hand_comes_back_and_what_it_lacks_is_declared(site: Site, bare: Host, supply: Supply) -> None:
    settle(bare, "archive", supply)
    look = "cat /etc/systemd/system/docker.service /etc/docker/daemon.json; systemctl is-enabled docker.service"
    before = bare.sh(look)
    supply.configure(site, "static-bundle", NEW, engine={"take_over": True})
    site.run("apply", limit="h1")
    assert bare.sh(look) != before
    done = site.run("remove", "--yes", limit="h1").host("h1")
    assert bare.sh(look) == before
    assert "/usr/bin/dockerd" in next(one for one in done["remains"] if "copied by hand" in one)
    assert bare.sh("ls /usr/bin/dockerd /usr/bin/containerd 2>/dev/null; :") == ""
    assert json.loads(bare.sh("cat /etc/docker/daemon.json")) == json.loads(DAEMON_JSON)
