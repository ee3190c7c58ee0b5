"""A host that needs nothing costs one exec, and its packages' server nothing at all."""

from __future__ import annotations

import time

from staithe.lab import places
from tests.lab.capture import Capture, Seen, capturing
from tests.lab.conftest import LAB_ID, Host, Site
from tests.lab.engine_checks import assert_has
from tests.lab.supply import Supply

NAME, VERSION = "h6", "28.5.2"


def stray(capture: Capture, site: Site) -> list[Seen]:
    """Return what is no answer of sshd to this machine."""
    return capture.not_to(str(site.lab["address"]))


def test_a_converged_host_asks_no_package_server(site: Site, supply: Supply, hosts: dict[str, Host]) -> None:
    host, link = hosts[NAME], places.link_name(LAB_ID, NAME)
    site.staithe("lab", "reset", NAME)
    supply.give_el(host)
    supply.configure(site, "repository", VERSION)
    supply.server.behave()
    with capturing([link]) as capture:
        site.run("apply", limit=NAME)
    # The positive control: an installation is seen, by the capture and by the server.
    assert len([one for one in stray(capture, site) if one.port == supply.server.port]) > 50
    assert supply.server.asked(r"docker-ce-[0-9].*\.rpm$") and supply.server.asked(r"repomd\.xml$")
    assert_has(host, "repository", VERSION)

    supply.server.behave()
    for words in (("apply",), ("plan", "--check")):
        execs = host.execs()
        with capturing([link]) as capture:
            done = site.run(*words, limit=NAME).host(NAME)
            # What was on its way is taken too.
            time.sleep(0.5)
        assert done["outcome"] == "unchanged"
        assert len(capture.frames) > 5, "the capture saw the connection"
        # Counting is an exec itself.
        assert host.execs() - execs - 1 == 1
        assert [str(one) for one in stray(capture, site)] == []
    assert supply.server.requests == []


def test_a_converged_host_does_not_miss_its_server(site: Site, supply: Supply, hosts: dict[str, Host]) -> None:
    supply.configure(site, "repository", VERSION)
    site.run("apply", limit=NAME)
    supply.server.vanish()
    try:
        # The positive control: for the host the server is gone.
        assert hosts[NAME].sh(f"curl -s -m 5 {supply.server.url}/RPM-GPG-KEY-lab || echo gone") == "gone"
        assert site.run("apply", limit=NAME).host(NAME)["outcome"] == "unchanged"
    finally:
        supply.server.appear()
