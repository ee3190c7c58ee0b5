"""`staithe versions INVENTORY`: what each host has, beside what is on offer for hosts like it."""

from __future__ import annotations

from staithe.lab import rpms
from tests.lab.conftest import Host, Site


def test_hosts_stand_beside_the_version_that_they_have(site: Site, converged: Host, bare: Host) -> None:
    made = rpms.ensure(print)
    address = made.folder(9, "docker-ce").as_posix().replace("/el9/", "/el$releasever/")
    # Debian's build of the engine, as the lab has it, names itself after the version that it is made from.
    runs = converged.sh("docker version -f '{{.Server.Version}}'")
    before = converged.execs()
    done = site.staithe("versions", "inventory.py", "--limit", "h1", "--limit", "h2", "--repo", address, "--json")
    # One exec for the probe; counting is the other one.
    assert converged.execs() == before + 2
    found = {one["version"]: one for one in done.json["versions"]}
    offered = {path.name.split("-")[2] for path in made.folder(9, "docker-ce").glob("docker-ce-2*.rpm")}
    assert set(found) == offered
    assert [one["hosts"] for one in done.json["versions"] if one["hosts"]] == [[f"h2 ({runs})"]]
    assert found[runs.partition("+")[0]]["hosts"] == [f"h2 ({runs})"]
    # The hosts are EL 9, so nobody asks for others.
    assert {target for one in found.values() for target in one["packages"]} == {"el9-x86_64"}
    shown = site.staithe("versions", "inventory.py", "--limit", "h2", "--repo", address).out
    assert any(line.split()[:3] == [runs.partition("+")[0], "1.el9", "h2"] for line in shown.splitlines())


def test_a_host_that_cannot_be_asked_is_named(site: Site, converged: Host) -> None:
    made = rpms.ensure(print)
    (site.folder / "inventory.py").write_text(
        (site.folder / "inventory.py").read_text()
        + '\nhosts = [(n, {**d, "ssh_port": 9} if n == "h3" else d) for n, d in hosts]\n'
    )
    address = str(made.folder(9, "docker-ce"))
    done = site.staithe("versions", "inventory.py", "--limit", "h2", "--limit", "h3", "--repo", address, code=1)
    assert "not asked: h3:" in done.out and "h2" in done.out and "28.5.2" in done.out
