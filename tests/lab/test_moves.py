"""An engine moves from one source to another, or is taken over from somebody else; data stay where they are."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.lab.conftest import SMOKE_IMAGE, Host, Site
from tests.lab.engine_checks import assert_has, assert_treasure, brought, container, hide_treasure
from tests.lab.host_snapshot import snapshot
from tests.lab.origins import ORIGINS, VERSION, settle
from tests.lab.supply import Supply

NEW = "28.5.2"
# Every move between two sources, each once: a round trip.
ROUND = (
    "repository", "rpm-bundle", "static-bundle", "repository", "static-bundle", "rpm-bundle", "repository",
)  # fmt: skip
# {origin: (host, the source that takes it over)}
TAKEN_OVER = {
    "script": ("h2", "repository"),
    "packages": ("h3", "rpm-bundle"),
    "archive": ("h4", "static-bundle"),
    "distribution": ("h5", "repository"),
}


def image_id(host: Host) -> str:
    return host.sh(f"docker image inspect -f '{{{{.Id}}}}' {SMOKE_IMAGE}")


def assert_repository(host: Host, source: str) -> None:
    """Check that staithe's repository is there for its source, and for no other."""
    found = host.sh("ls /etc/yum.repos.d | grep staithe || :")
    assert found == ("staithe-docker-ce.repo" if source == "repository" else "")


def assert_same_again(site: Site, host: Host) -> None:
    before = snapshot(host)
    again = site.run("apply", limit=host.name).host(host.name)
    assert (again["outcome"], again["changed"]) == ("unchanged", [])
    assert before.difference(snapshot(host)) == ""


def test_the_round_has_every_move() -> None:
    moves = set(itertools.pairwise(ROUND))
    assert moves == set(itertools.permutations(set(ROUND), 2)) and len(moves) == len(ROUND) - 1


@pytest.mark.parametrize(("before", "after"), list(itertools.pairwise(ROUND)))
def test_moves_between_sources(site: Site, supply: Supply, hosts: dict[str, Host], before: str, after: str) -> None:
    host = hosts["h1"]
    brought(site, supply, host, before, NEW)
    image, first = image_id(host), container(host)
    supply.configure(site, after, NEW)
    planned = site.run("plan", limit=host.name).host(host.name)
    # Between a repository and a bundle of the same packages, nothing but the repository file changes.
    restarted = "static-bundle" in (before, after)
    assert planned["error"] is None
    assert ("restarted" in {change["containers"] for change in planned["changes"]}) == restarted
    done = site.run("apply", limit=host.name).host(host.name)
    assert done["error"] is None and done["outcome"] == "changed", done
    assert_has(host, after, NEW)
    assert_repository(host, after)
    assert_treasure(host)
    now = container(host)
    assert image_id(host) == image and (now[0] == first[0] if restarted else now == first)
    assert_same_again(site, host)


@pytest.mark.parametrize("origin", ORIGINS)
def test_engines_of_others_are_taken_over_with_consent(
    site: Site, supply: Supply, hosts: dict[str, Host], origin: str
) -> None:
    name, source = TAKEN_OVER[origin]
    host = hosts[name]
    site.staithe("lab", "reset", name)
    supply.give_el(host)
    settle(host, origin, supply)
    assert host.sh("docker version -f '{{.Server.Version}}'").startswith(VERSION)
    hide_treasure(host)
    image, first = image_id(host), container(host)[0]

    before = snapshot(host)
    supply.configure(site, source, NEW)
    refused = site.run("apply", limit=name, code=4).host(name)
    assert "take_over" in json.dumps([refused["error"], refused["problems"]])
    assert before.difference(snapshot(host)) == "", "a refusal changed something"

    # What the distribution packs lies in the way of Docker's own, so it needs a consent of its own.
    replace = ["runc", "containerd"] if origin == "distribution" else []
    supply.configure(site, source, NEW, engine={"take_over": True, "replace": replace})
    planned = site.run("plan", limit=name).host(name)
    assert planned["error"] is None and planned["changes"]
    done = site.run("apply", limit=name).host(name)
    assert done["error"] is None and done["outcome"] == "changed", done
    assert_has(host, source, NEW)
    assert_treasure(host)
    assert (image_id(host), container(host)[0]) == (image, first)
    assert json.loads(host.sh("cat /etc/docker/daemon.json"))["labels"] == ["rack=7"]
    assert host.sh("docker info -f '{{.Labels}}'") == "[rack=7]"
    assert_same_again(site, host)
