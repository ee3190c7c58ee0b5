"""Ten hosts of four majors and three sources in one inventory, in one run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import LAB_ID, ROOT, SMOKE_IMAGE, Host, Staithe
from tests.lab.host_snapshot import engine_packages
from tests.lab.supply import Supply, supplied

# Beside the session's lab, so that its six hosts stay as they are.
_ENV = {"STAITHE_LAB_ID": LAB_ID[:5] + ("3" if LAB_ID[5] != "3" else "4")}
# {host: (major, source)}; EL 7's last engine was of the 26.1 line, and nobody packs it for the lab.
FLEET = {
    "h1": (7, "static-bundle"),
    "h2": (8, "repository"),
    "h3": (8, "static-bundle"),
    "h4": (9, "repository"),
    "h5": (9, "rpm-bundle"),
    "h6": (9, "static-bundle"),
    "h7": (9, "repository"),
    "h8": (9, "rpm-bundle"),
    "h9": (10, "repository"),
    "h10": (10, "static-bundle"),
}


def version(major: int) -> str:
    return "26.1.5" if major == 7 else "28.5.2"


@pytest.fixture(scope="module")
def fleet(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Staithe, dict[str, Any]]]:
    staithe = Staithe(program, tmp_path_factory.mktemp("fleet"))
    staithe("lab", "down", env=_ENV, code=None)
    for major in (7, 8, 9, 10):
        names = [name for name, (of, _) in FLEET.items() if of == major]
        staithe("lab", "up", *names, "--image", f"el{major}", env=_ENV)
    try:
        yield staithe, staithe("lab", "status", "--json", env=_ENV).json
    finally:
        staithe("lab", "down", env=_ENV)


@pytest.fixture(scope="module")
def own_supply(fleet: tuple[Staithe, dict[str, Any]]) -> Iterator[Supply]:
    with supplied(*fleet) as supply:
        yield supply


def describe(folder: Path, supply: Supply, lab: dict[str, Any]) -> None:
    """Write an inventory with an engine of its own for each host."""
    engines = {name: supply.engine(source, version(major)) for name, (major, source) in FLEET.items()}
    text = (ROOT / "inventories" / "lab.py").read_text()
    (folder / "inventory.py").write_text(
        f"{text}\nengines = {engines!r}\n"
        "hosts = [(name, {**data, 'engine': engines[name]}) for name, data in hosts]\ndel engines\n"
    )
    (folder / "group_data").mkdir(exist_ok=True)
    (folder / "group_data/all.py").write_text(f"trust = {{'allowed_signers': {lab['allowed_signers']!r}}}\n")


def test_ten_hosts_of_mixed_majors_and_sources(fleet: tuple[Staithe, dict[str, Any]], own_supply: Supply) -> None:
    staithe, lab = fleet
    hosts = {name: Host(name, lab["hosts"][name]["ip"], lab["ssh_config"]) for name in FLEET}
    for name, (major, source) in FLEET.items():
        if source == "repository":
            own_supply.give_el(hosts[name], major)
    describe(staithe.folder, own_supply, lab)
    done = staithe("apply", "inventory.py", "--yes", "--json", env=_ENV)
    for name, (major, source) in FLEET.items():
        result = done.host(name)
        assert result["outcome"] == "changed" and result["summary"]["major"] == major
        assert {one["status"] for one in result["checks"] if one["name"] != "mirror pull"} == {"passed"}
        packages = engine_packages(hosts[name])
        assert bool(packages) is (source != "static-bundle"), packages
        assert hosts[name].sh("docker version -f '{{.Server.Version}}'").startswith(version(major))
        assert hosts[name].sh(f"docker run --rm {SMOKE_IMAGE} echo seen") == "seen"
    again = staithe("apply", "inventory.py", "--yes", "--json", env=_ENV)
    assert {host["outcome"] for host in again.json["hosts"]} == {"unchanged"}
