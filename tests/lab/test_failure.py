"""Things that go wrong while a host is changed: the former state comes back, and the engine's own words are told."""

from __future__ import annotations

from tests.lab.conftest import Host, Site

# What these tests are about comes before the smoke containers, which would only take time.
_NO_SMOKE = {"enabled": False}

_STATE = """systemctl is-active docker.service containerd.service
systemctl is-enabled docker.service
readlink /usr/libexec/docker/staithe/current
cat /etc/docker/daemon.json"""


def test_engine_that_does_not_start_is_undone(site: Site, converged: Host) -> None:
    before = converged.sh(_STATE)
    # Valid for `dockerd --validate`, deadly at the start: what only a health gate finds.
    site.configure(daemon={"bridge": "nobridge0"})
    failed = site.run("apply", limit="h2", code=1).host("h2")
    assert failed["error"]["code"] == "E211"
    assert "nobridge0" in failed["error"]["message"], "the engine's own words are missing"
    assert "smoke:run:containers" in failed["not_done"]
    assert converged.sh(_STATE) == before
    assert converged.sh("docker info -f '{{.ServerVersion}}'").startswith("28.5.2")
    site.configure(smoke=_NO_SMOKE)
    assert site.run("apply", limit="h2").host("h2")["outcome"] in ("changed", "unchanged")
    assert site.run("plan", "--check", limit="h2").host("h2")["changes"] == []


def test_engine_mended_by_hand_is_the_state_to_go_back_to(site: Site, converged: Host) -> None:
    # The harm first: the former state, which the journal then holds, does not run either.
    converged.sh("""printf '{"bridge":"nobridge1"}' > /etc/docker/daemon.json""")
    site.configure(daemon={"bridge": "nobridge2"}, service={"health_timeout_s": 5})
    assert site.run("apply", limit="h2", code=1).host("h2")["error"]["code"] == "E216"
    converged.sh("""printf '{"labels":["mended=1"]}' > /etc/docker/daemon.json
        systemctl reset-failed docker.service; systemctl restart docker.socket docker.service""")
    mended = converged.sh(_STATE)
    site.configure(daemon={"bridge": "nobridge3"}, service={"health_timeout_s": 5})
    assert site.run("apply", limit="h2", code=1).host("h2")["error"]["code"] == "E211"
    assert converged.sh(_STATE) == mended
    assert converged.sh("docker info -f '{{json .Labels}}'") == '["mended=1"]'
    site.configure(smoke=_NO_SMOKE)
    assert site.run("apply", limit="h2").host("h2")["outcome"] == "changed"
    assert site.run("plan", "--check", limit="h2").host("h2")["changes"] == []


def test_first_engine_that_does_not_start_leaves_no_engine(site: Site, bare: Host) -> None:
    site.configure(daemon={"bridge": "nobridge0"}, smoke=_NO_SMOKE)
    failed = site.run("apply", limit="h1", code=1).host("h1")
    assert failed["error"]["code"] == "E211"
    assert (
        bare.sh("ls /usr/bin/dockerd /etc/docker/daemon.json /etc/systemd/system/docker.service", check=False) == ""
    )
    assert bare.sh("systemctl is-active docker.service docker.socket containerd.service", check=False) == "\n".join(
        ["inactive"] * 3
    )
    assert bare.sh("systemctl is-system-running") == "running"
    site.configure(smoke=_NO_SMOKE)
    assert site.run("apply", limit="h1").host("h1")["outcome"] == "changed"


def test_configuration_that_the_engine_refuses_changes_nothing(site: Site, converged: Host) -> None:
    before, pid = converged.sh(_STATE), converged.pid()
    # The path is well formed, so the configuration accepts it; only the engine can read what is there.
    site.configure(
        daemon={"tls": True, "tlscacert": "/etc/no.pem", "tlscert": "/etc/no.pem", "tlskey": "/etc/no.pem"}
    )
    refused = site.run("apply", limit="h2", code=1).host("h2")
    assert refused["error"]["code"] == "E212"
    assert "no.pem" in refused["error"]["message"]
    assert (converged.sh(_STATE), converged.pid()) == (before, pid)


def test_reload_is_enough_where_the_engine_allows_it(site: Site, converged: Host) -> None:
    pid = converged.pid()
    site.configure(
        daemon={
            "registry-mirrors": [site.lab["registry"]["url"]],
            "log-opts": {"max-size": "300m", "max-file": "2"},
            "max-concurrent-downloads": 10,
            "labels": ["rack=7"],
        },
        smoke=_NO_SMOKE,
    )
    applied = site.run("apply", limit="h2").host("h2")
    assert "service:reload:docker.service" in applied["changed"]
    assert converged.pid() == pid
    assert converged.sh("docker info -f '{{json .Labels}}'") == '["rack=7"]'
    assert site.run("plan", "--check", limit="h2").host("h2")["changes"] == []
    site.configure(smoke=_NO_SMOKE)
    site.run("apply", limit="h2")
    assert converged.sh("docker info -f '{{json .Labels}}'") in ("[]", "null")


def test_full_disk_is_said_and_nothing_is_half(site: Site, bare: Host) -> None:
    bare.sh(
        "mkdir -p /usr/libexec/docker/staithe && mount -t tmpfs -o size=40m full /usr/libexec/docker/staithe",
    )
    refused = site.run("apply", limit="h1", code=1).host("h1")
    assert refused["error"]["code"] == "E217"
    assert "No space left" in refused["error"]["message"]
    assert bare.sh("ls -A /usr/libexec/docker/staithe; ls /usr/bin/dockerd", check=False) == ""
