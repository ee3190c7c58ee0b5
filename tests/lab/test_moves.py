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
# {origin: host}, and by which sources each is taken over: by what is like it, and by what is not.
HOSTS = {"script": "h2", "packages": "h3", "archive": "h4", "distribution": "h5"}
TAKEN_OVER = (
    ("script", "repository"), ("script", "static-bundle"),
    ("packages", "rpm-bundle"),
    ("archive", "static-bundle"), ("archive", "rpm-bundle"), ("archive", "repository"),
    ("distribution", "repository"), ("distribution", "static-bundle"),
)  # fmt: skip


def image_id(host: Host) -> str:
    return host.sh(f"docker image inspect -f '{{{{.Id}}}}' {SMOKE_IMAGE}")


def assert_repository(host: Host, source: str) -> None:
    """Check that staithe's repository is there for its source, and for no other."""
    found = host.sh("ls /etc/yum.repos.d | grep staithe || :")
    assert found == ("staithe-docker-ce.repo" if source == "repository" else "")


# Each program in the search path: its package, or where its link leads.
_OWNERS = """for name in dockerd docker docker-proxy docker-init containerd containerd-shim-runc-v2 ctr runc; do
  for path in /usr/local/sbin/$name /usr/local/bin/$name /usr/sbin/$name /usr/bin/$name; do
    [ -e $path ] || continue
    owner=$(rpm -qf --qf '%{NAME}' $path 2>/dev/null) || owner=$(readlink -f $path)
    echo "$path $owner"
  done
done"""


def assert_alone(host: Host, source: str) -> None:
    """Check that every program in the search path is of this source, and that no package has lost one."""
    found = dict(line.split(" ", 1) for line in host.sh(_OWNERS).splitlines())
    assert "/usr/bin/dockerd" in found
    if source == "static-bundle":
        assert all(owner.startswith("/usr/libexec/docker/staithe/") for owner in found.values()), found
    else:
        assert set(found.values()) == {"docker-ce", "docker-ce-cli", "containerd.io"}, found
    assert host.sh("rpm -Va --nodeps 2>/dev/null | grep '^missing.*/usr/bin/' || :") == ""


def assert_same_again(site: Site, host: Host) -> None:
    """Apply once more, as it is described now: nothing happens."""
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


def test_each_origin_is_taken_over() -> None:
    assert {origin for origin, _ in TAKEN_OVER} == set(ORIGINS) == set(HOSTS)


@pytest.mark.parametrize(("origin", "source"), TAKEN_OVER)
def test_engines_of_others_are_taken_over_with_consent(
    site: Site, supply: Supply, hosts: dict[str, Host], origin: str, source: str
) -> None:
    name = HOSTS[origin]
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

    replace: list[str] = []
    if origin == "distribution":
        # What the distribution packs lies in the way of Docker's own, and needs a consent of its own.
        supply.configure(site, source, NEW, engine={"take_over": True})
        refused = site.run("apply", limit=name, code=4 if source == "static-bundle" else 1).host(name)
        assert "containerd" in json.dumps([refused["error"], refused["problems"]])
        assert before.difference(snapshot(host)) == "", "a refusal left something"
        replace = ["runc", "containerd"]
    supply.configure(site, source, NEW, engine={"take_over": True, "replace": replace})
    planned = site.run("plan", limit=name).host(name)
    assert planned["error"] is None
    assert "restarted" in {change["containers"] for change in planned["changes"]}
    done = site.run("apply", limit=name).host(name)
    assert (done["error"], done["outcome"]) == (None, "changed"), done
    # An engine whose package went has ended with it: what was to be restarted was started.
    assert [one for one in done["not_done"] if not one.startswith("service:restart:")] == []
    assert_has(host, source, NEW)
    assert_alone(host, source)
    assert_treasure(host)
    assert (image_id(host), container(host)[0]) == (image, first)
    assert json.loads(host.sh("cat /etc/docker/daemon.json"))["labels"] == ["rack=7"]
    assert host.sh("docker info -f '{{.Labels}}'") == "[rack=7]"
    # It is staithe's now: no consent is needed any more.
    supply.configure(site, source, NEW)
    assert_same_again(site, host)
