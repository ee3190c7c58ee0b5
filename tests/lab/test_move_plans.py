"""What a plan says of a move between sources is what apply does, change by change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.conftest import Host, Site
from tests.lab.engine_checks import assert_has, brought, container
from tests.lab.supply import Supply

VERSION = "28.5.2"
# Which pieces of work a person counts on: what packages, programs and services go through.
_COMPONENTS = ("packages", "binaries", "units", "service")


def named(changes: list[dict[str, Any]]) -> list[str]:
    """Return the ids; the packages that others need are known only once dnf has looked."""
    return [one["id"] for one in changes if one["component"] in _COMPONENTS]


@pytest.mark.parametrize(("before", "after"), [("rpm-bundle", "static-bundle"), ("static-bundle", "rpm-bundle")])
def test_apply_does_what_the_plan_says(
    site: Site, supply: Supply, hosts: dict[str, Host], before: str, after: str
) -> None:
    host = hosts["h1"]
    brought(site, supply, host, before, VERSION)
    first = container(host)
    supply.configure(site, after, VERSION)
    planned = site.run("plan", limit="h1").host("h1")["changes"]
    done = site.run("apply", limit="h1").host("h1")
    assert done["error"] is None
    changed = {one for one in done["changed"] if one.split(":")[0] in _COMPONENTS}
    assert (changed - set(named(planned)), set(named(planned)) - changed) == (set(), set())
    assert_has(host, after, VERSION)
    # The container was said to be started anew, and was.
    assert "restarted" in {one["containers"] for one in planned if one["component"] == "service"}
    assert container(host) != first
