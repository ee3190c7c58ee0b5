"""The way back: by itself when a new engine has a fault, and by command, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.conftest import Host, Site
from tests.lab.engine_checks import assert_has, assert_treasure, brought, container, hide_treasure
from tests.lab.faulty_engines import DIES, EXITS, HANGS
from tests.lab.faulty_supply import configure_faulty
from tests.lab.host_snapshot import snapshot
from tests.lab.origins import VERSION, settle
from tests.lab.supply import SOURCES, Supply

HOSTS = dict(zip(SOURCES, ("h1", "h2", "h3"), strict=True))
OLD, NEW = "26.1.5", "28.5.2"
_QUICK = {"smoke": {"enabled": False}, "service": {"health_timeout_s": 8}}


@pytest.fixture
def served(supply: Supply) -> Iterator[Supply]:
    supply.server.behave()
    yield supply
    supply.server.behave()


@pytest.mark.parametrize("fault", [EXITS, HANGS, DIES], ids=["exits", "hangs", "dies"])
@pytest.mark.parametrize("source", ["repository", "static-bundle"])
def test_engine_with_a_fault_gives_way_to_the_former(
    site: Site, served: Supply, hosts: dict[str, Host], source: str, fault: str
) -> None:
    host = hosts[HOSTS[source]]
    brought(site, served, host, source, NEW)
    before, first = snapshot(host), container(host)[0]
    # The watch is that of the default, which must be long enough.
    configure_faulty(site, served, source, fault, service={"health_timeout_s": 8, "watch_s": 12})
    failed = site.run("apply", limit=host.name, code=1).host(host.name)
    assert failed["error"]["code"] == "E211", failed["error"]
    assert "fault of the lab" in failed["error"]["message"], "the engine's own words are missing"
    assert any(change.startswith("record:") for change in failed["not_done"])
    assert_has(host, source, NEW)
    assert_treasure(host)
    assert container(host)[0] == first
    # The other static engine lies beside until the next generation; `assert_has` has looked at the one that runs.
    ignored = ["containers", *(["programs"] if source == "static-bundle" else [])]
    assert before.difference(snapshot(host), ignoring=ignored) == ""
    assert host.sh("ls -d /var/lib/staithe/journal 2>/dev/null || :") == ""
    # What is described is that engine still, and the host is not it: nobody takes it for converged.
    assert site.run("plan", "--check", limit=host.name, code=None).code != 0


@pytest.mark.parametrize("source", SOURCES)
def test_back_and_forward_by_command(site: Site, served: Supply, hosts: dict[str, Host], source: str) -> None:
    host = hosts[HOSTS[source]]
    brought(site, served, host, source, OLD)
    first = container(host)[0]
    served.configure(site, source, NEW, **_QUICK)
    site.run("apply", limit=host.name)
    assert_has(host, source, NEW)
    served.server.vanish()
    try:
        left = json.loads(host.sh("cat /var/lib/staithe/record.json"))["generation"]
        # Back without a number, forward again by it alone.
        for version, words in ((OLD, ()), (NEW, ("--to", str(left)))):
            done = site.run("rollback", "--yes", *words, limit=host.name).host(host.name)
            assert done["outcome"] == "changed", done
            assert_has(host, source, version)
            assert_treasure(host)
            assert container(host)[0] == first
            if version == OLD:
                assert f"--to {left}" in done["changes"][0]["reason"]
                refused = site.run("rollback", "--yes", limit=host.name, code=None).host(host.name)["error"]
                assert refused["code"] == "E224" and f"--to {left}" in refused["hint"]
                assert_has(host, source, OLD)
    finally:
        served.server.appear()
    # There again, by the way back: the description of the new one fits.
    assert site.run("plan", "--check", limit=host.name).host(host.name)["changes"] == []


@pytest.mark.parametrize("source", SOURCES)
def test_generation_that_is_lost_is_told(site: Site, served: Supply, hosts: dict[str, Host], source: str) -> None:
    host = hosts[HOSTS[source]]
    brought(site, served, host, source, OLD)
    served.configure(site, source, NEW, **_QUICK)
    site.run("apply", limit=host.name)
    host.sh(f"rm -rf /var/lib/staithe/packages/docker-ce-{OLD}* /usr/libexec/docker/staithe/{OLD}-*")
    before, first = snapshot(host), container(host)
    refused = site.run("rollback", "--yes", limit=host.name, code=None)
    assert refused.code != 0
    error = refused.host(host.name)["error"]
    assert error["code"] == "E224" and OLD in error["message"], error
    assert before.difference(snapshot(host)) == "" and container(host) == first


def test_taken_over_packages_come_back_from_their_repository(
    site: Site, served: Supply, hosts: dict[str, Host]
) -> None:
    """Somebody else installed them, so no file was kept; before they go, the repository that has them is asked."""
    host = hosts["h1"]
    site.staithe("lab", "reset", "h1")
    served.give_el(host)
    settle(host, "script", served)
    hide_treasure(host)
    before, first = snapshot(host), container(host)[0]
    configure_faulty(site, served, "repository", EXITS, engine={"take_over": True}, service={"health_timeout_s": 8})
    planned = site.run("plan", limit="h1").host("h1")
    assert "unless the host's repositories still have them" in str(planned["warnings"])
    failed = site.run("apply", limit="h1", code=1).host("h1")
    assert failed["error"]["code"] == "E211", failed["error"]
    assert before.difference(snapshot(host), ignoring=["containers"]) == ""
    assert host.sh("docker version -f '{{.Server.Version}}'").startswith(VERSION)
    assert_treasure(host)
    assert container(host)[0] == first
    # Somebody else's engine is in nobody's way.
    site.staithe("lab", "reset", "h1")
