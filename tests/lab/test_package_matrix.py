"""The life of an engine out of each source: fresh, the same again, up, down, away, and back.

One host for each source walks through all of it, as a real one would; what it is then is asked of the host itself.
"""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from staithe.lab import rpms
from tests.lab.conftest import Host, Site
from tests.lab.engine_checks import (
    TREASURE,
    assert_has,
    assert_has_none,
    assert_treasure,
    brought,
    container,
    hide_treasure,
)
from tests.lab.host_snapshot import engine_packages, snapshot, verified
from tests.lab.supply import SOURCES, Supply

HOSTS = dict(zip(SOURCES, ("h1", "h2", "h3"), strict=True))
OLD, NEW = "26.1.5", "28.5.2"
PATCH, NEXT_PATCH = "20.10.23", "20.10.24"


def fresh(site: Site, supply: Supply, hosts: dict[str, Host], source: str) -> Host:
    """Return the host of a source as it came from the base, but for the repository that EL brings."""
    host = hosts[HOSTS[source]]
    site.staithe("lab", "reset", host.name)
    supply.give_el(host)
    return host


def apply(site: Site, host: Host, *, outcome: str = "changed") -> dict[str, Any]:
    """Apply; the smoke checks are part of it."""
    done = site.run("apply", limit=host.name).host(host.name)
    assert done["error"] is None and done["outcome"] == outcome, done
    # An image that a former engine left is only seen once the engine runs again.
    assert [one for one in done["not_done"] if not one.startswith("images:load:")] == []
    return done


def assert_nothing_to_do(site: Site, host: Host) -> None:
    """Apply again: one exec, and the host as it was, with every process and container."""
    before, execs = snapshot(host), host.execs()
    apply(site, host, outcome="unchanged")
    # Counting is an exec itself.
    assert host.execs() - execs - 1 == 1
    assert before.difference(snapshot(host)) == ""


@pytest.mark.parametrize("source", SOURCES)
def test_fresh_and_the_same_again(site: Site, supply: Supply, hosts: dict[str, Host], source: str) -> None:
    host = fresh(site, supply, hosts, source)
    supply.configure(site, source, OLD)
    done = apply(site, host)
    # `mirror pull` needs a registry, which this configuration does not name.
    assert {one["status"] for one in done["checks"] if one["name"] != "mirror pull"} == {"passed"}
    assert_has(host, source, OLD)
    hide_treasure(host)
    before = container(host)
    assert_nothing_to_do(site, host)
    assert container(host) == before


@pytest.mark.parametrize(("old", "new"), [(OLD, NEW), (NEW, OLD)], ids=["upgrade", "downgrade"])
@pytest.mark.parametrize("source", SOURCES)
def test_another_minor_release(
    site: Site, supply: Supply, hosts: dict[str, Host], source: str, old: str, new: str
) -> None:
    host = hosts[HOSTS[source]]
    brought(site, supply, host, source, old)
    before = container(host)
    supply.configure(site, source, new)
    planned = site.run("plan", limit=host.name).host(host.name)
    assert "restarted" in {change["containers"] for change in planned["changes"]}
    apply(site, host)
    assert_has(host, source, new)
    assert_treasure(host)
    # The same container, started again.
    after = container(host)
    assert after[0] == before[0] and after[2] != before[2]
    assert_nothing_to_do(site, host)


@pytest.mark.parametrize("source", SOURCES)
def test_removed_and_installed_again(site: Site, supply: Supply, hosts: dict[str, Host], source: str) -> None:
    host = fresh(site, supply, hosts, source)
    as_it_came = snapshot(host)
    brought(site, supply, host, source, NEW)
    identity = container(host)[0]

    removed = site.run("remove", "--yes", limit=host.name).host(host.name)
    assert removed["error"] is None
    assert_has_none(host)
    # What stays are the data, which `remove` says.
    assert as_it_came.difference(snapshot(host), ignoring=["volumes"]) == ""
    assert "/var/lib/docker: " in " ".join(removed["remains"])
    assert host.sh("cat /var/lib/docker/volumes/data/_data/file") == TREASURE
    again = site.run("remove", "--yes", limit=host.name).host(host.name)
    assert (again["outcome"], again["changes"]) == ("unchanged", [])

    apply(site, host)
    assert_has(host, source, NEW)
    assert_treasure(host)
    assert container(host)[0] == identity
    assert_nothing_to_do(site, host)


@pytest.mark.parametrize("source", SOURCES)
def test_containers_over_patch_and_minor_releases(
    site: Site, supply: Supply, hosts: dict[str, Host], source: str
) -> None:
    host = fresh(site, supply, hosts, source)
    supply.configure(site, source, PATCH, daemon={"live-restore": True})
    apply(site, host)
    assert_has(host, source, PATCH)
    hide_treasure(host)
    before, dockerd = container(host), host.pid()

    supply.configure(site, source, NEXT_PATCH, daemon={"live-restore": True})
    planned = site.run("plan", limit=host.name).host(host.name)
    assert "restarted" not in {change["containers"] for change in planned["changes"]}
    apply(site, host)
    assert_has(host, source, NEXT_PATCH)
    assert host.pid() != dockerd
    assert container(host) == before, "a patch release touched the container"
    assert_treasure(host)

    supply.configure(site, source, NEW, daemon={"live-restore": True})
    planned = site.run("plan", limit=host.name).host(host.name)
    assert "restarted" in {change["containers"] for change in planned["changes"]}
    apply(site, host)
    assert_has(host, source, NEW)
    after = container(host)
    assert after[0] == before[0]
    assert_treasure(host)
    assert verified(host) == "" and len(engine_packages(host)) == (0 if source == "static-bundle" else 5)


def test_distribution_key_that_rpm_does_not_know_yet(site: Site, supply: Supply, hosts: dict[str, Host]) -> None:
    """As after an installation that never used dnf: what the engine needs is signed by the distribution's own key."""
    folder = supply.server.root / "signed-by-other"
    folder.mkdir()
    for package in supply.made.folder(9, "base").glob("*.rpm"):
        shutil.copyfile(package, folder / package.name)
    rpms.sign(supply.made.gnupg, "other", sorted(folder.glob("*.rpm")))
    rpms.write_metadata(folder)
    host = hosts["h1"]
    site.staithe("lab", "reset", "h1")
    text = f"[el]\nname=el\nbaseurl={supply.server.url}/{folder.name}\ngpgcheck=1\n"
    key = f"gpgkey={supply.server.url}/{supply.made.key('other').name}\n"
    host.sh(f"cat > /etc/yum.repos.d/el.repo <<'REPO'\n{text}{key}REPO")
    before = snapshot(host)
    assert "gpg-pubkey" not in host.sh("rpm -qa")
    supply.configure(site, "repository", NEW)
    apply(site, host)
    assert_has(host, "repository", NEW)
    assert host.sh("rpm -qa gpg-pubkey | wc -l") == "2"
    assert_nothing_to_do(site, host)
    # The keys were not there before, so they go too.
    assert site.run("remove", "--yes", limit="h1").host("h1")["error"] is None
    assert before.difference(snapshot(host), ignoring=["volumes"]) == ""


def test_key_of_metadata_is_asked_for_first(site: Site, supply: Supply, hosts: dict[str, Host]) -> None:
    """dnf asks whether it may take the key of another repository's metadata, before it says anything."""
    host = fresh(site, supply, hosts, "repository")
    supply.give_signed_metadata(host)
    supply.configure(site, "repository", NEW)
    apply(site, host)
    assert_has(host, "repository", NEW)
