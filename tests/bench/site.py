"""The lab and the folder that everything is measured in: hosts, bundle, inventories."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.stopwatch import STAITHE, clock

ROOT = Path(__file__).resolve().parents[2]
# A lab of its own, beside those of `make demo` and of the tests.
LAB_ID = os.environ.get("STAITHE_LAB_ID") or hashlib.sha256(f"{ROOT} bench".encode()).hexdigest()[:6]
ENGINE = "28.5.2"
IMAGE = "staithe/smoke:1"


@dataclass(frozen=True)
class Host:
    """Where a host is reached, which need not be where it is."""

    name: str
    address: str
    port: int = 22


@dataclass(frozen=True)
class Site:
    """A running lab and a folder with a bundle."""

    folder: Path
    lab: dict[str, Any]

    @property
    def hosts(self) -> list[Host]:
        return [Host(name, host["ip"]) for name, host in self.lab["hosts"].items()]

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    def write_inventory(self, name: str, hosts: Sequence[Host], **sections: Any) -> Path:
        """Write an inventory of these hosts, and beside it (.json) the same for the floor; `sections` are its own."""
        known = self.folder / f"{name}.known_hosts"
        keys = dict(line.split(" ", 1) for line in Path(self.lab["known_hosts"]).read_text().splitlines())
        by_address = {names.split(",")[0]: key for names, key in keys.items()}
        lines = []
        for host in hosts:
            # An alias leads to the host that its name begins with: h3-2 is h3.
            key = by_address[self.lab["hosts"][host.name.partition("-")[0]]["ip"]]
            address = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
            lines.append(f"{address} {key}\n")
        known.write_text("".join(dict.fromkeys(lines)))
        common = {
            "ssh_user": self.lab["user"],
            "ssh_key": self.lab["ssh_key"],
            "ssh_known_hosts_file": str(known),
            "ssh_strict_host_key_checking": "yes",
            "engine": {"bundle": str(self.bundle), "version": ENGINE},
            "trust": {"allowed_signers": self.lab["allowed_signers"]},
            "smoke": {"enabled": False},
            **sections,
        }
        data = [(host.name, {"ssh_hostname": host.address, "ssh_port": host.port, **common}) for host in hosts]
        path = self.folder / f"{name}.py"
        path.write_text(f"hosts = {data!r}\n")
        targets = [{"address": host.address, "port": host.port, "user": self.lab["user"]} for host in hosts]
        told = {"key": self.lab["ssh_key"], "known_hosts": str(known), "targets": targets}
        path.with_suffix(".json").write_text(json.dumps(told))
        return path

    def host_cpu_s(self, names: Sequence[str]) -> float:
        """Return the processor time that these hosts have used, by the machine's account of their control groups."""
        total = 0.0
        for name in names:
            group = f"stl-{LAB_ID}/{name}"
            old = Path(f"/sys/fs/cgroup/cpuacct/{group}/cpuacct.usage")
            if old.is_file():
                total += int(old.read_text()) / 1e9
            else:
                text = Path(f"/sys/fs/cgroup/{group}/cpu.stat").read_text()
                total += int(text.split("usage_usec")[1].split()[0]) / 1e6
        return total

    def ssh(self, host: str, *words: str) -> list[str]:
        """Return the command that OpenSSH runs on a host, with the cipher that staithe takes."""
        return ["ssh", "-F", self.lab["ssh_config"], "-c", "aes128-gcm@openssh.com", host, *words]

    def reset(self, host: str) -> None:
        """Give the host back its first state."""
        clock([STAITHE, "lab", "reset", host])


def open_lab(folder: Path, hosts: int) -> Site:
    """Boot the lab."""
    os.environ["STAITHE_LAB_ID"] = LAB_ID
    os.environ["STAITHE_RUNS"] = str(folder / "runs")
    clock([STAITHE, "lab", "up", str(hosts)])
    lab = json.loads(clock([STAITHE, "lab", "status", "--json"]).out)
    return Site(folder, lab)


def open_site(folder: Path, hosts: int) -> Site:
    """Boot the lab, build the bundle, and bring all hosts to it."""
    site = open_lab(folder, hosts)
    engine, image = artifacts()
    if not site.bundle.exists():
        clock([STAITHE, "bundle", "build", "--engine", str(engine), "--image", str(image), "--out", str(site.bundle)])
    # The key is the lab's, and a new lab has a new one.
    clock([STAITHE, "bundle", "sign", str(site.bundle), "--key", site.lab["signing_key"]])
    inventory = site.write_inventory("all", site.hosts)
    # Not all at once: a hundred engines that unpack together only wait for each other's disk.
    clock([STAITHE, "apply", str(inventory), "--yes", "--parallel", "8"])
    return site


def artifacts() -> tuple[Path, Path]:
    """Return the lab's engine archive and its smoke image."""
    from staithe.lab import artifacts as made

    found = made.located()
    return found.engines[ENGINE], found.images[IMAGE]


def close_site() -> None:
    """Take the lab away."""
    subprocess.run([STAITHE, "lab", "down"], check=False, stdout=subprocess.DEVNULL)
