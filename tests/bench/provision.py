"""The first apply on a bare host, against a shell script that does the same steps over one connection."""

from __future__ import annotations

import hashlib
import io
import shlex
import subprocess
import tarfile
import time
from pathlib import Path

from tests.bench.site import ROOT, Site, artifacts
from tests.bench.stopwatch import STAITHE, clock
from tests.bench.table import Row, Spread, compared

_SCRIPT = Path(__file__).with_name("by_hand.sh")
_MODULES = "overlay\nbr_netfilter\n"
_SYSCTL = "net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\n"


def rows(site: Site, rounds: int, name: str) -> list[Row]:
    """Provision one host again and again, from its first state each time, in turn with the script."""
    inventory = site.write_inventory("first", [host for host in site.hosts if host.name == name])
    stage = _stage(site.folder / "stage.tar")
    applied, by_hand = [], []
    for number in range(rounds + 1):
        site.reset(name)
        hand = _by_hand(site, name, stage)
        site.reset(name)
        run = clock([STAITHE, "apply", str(inventory), "--yes"])
        if "changed" not in run.out:
            raise RuntimeError(f"nothing was provisioned:\n{run.out[-2000:]}")
        if number:
            applied.append(run.wall_s)
            by_hand.append(hand)
    _same(site, name)
    wall, floor = Spread.of(applied), Spread.of(by_hand)
    ratio = wall.median / floor.median
    return [
        compared("first apply of one host, no smoke", wall.text("s"), f"script {floor.text('s')}", ratio, at_most=1.3)
    ]


def _stage(path: Path) -> Path:
    """Write the tar that the script takes."""
    engine, image = artifacts()
    files = {
        "etc/modules-load.d/by-hand.conf": _MODULES.encode(),
        "etc/sysctl.d/99-by-hand.conf": _SYSCTL.encode(),
        "etc/docker/daemon.json": b"{}\n",
        "engine.tgz": engine.read_bytes(),
        "image.tar": image.read_bytes(),
    }
    for unit in ("containerd.service", "docker.service", "docker.socket"):
        text = (ROOT / "templates" / f"{unit}.j2").read_text().replace("{{ bin_dir }}", "/usr/bin")
        files[f"etc/systemd/system/{unit}"] = text.encode()
    sums = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in ("engine.tgz", "image.tar"))
    files["SHA256SUMS"] = "".join(sums).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return path


def _by_hand(site: Site, name: str, stage: Path) -> float:
    began = time.monotonic()
    command = site.ssh(name, f"sudo sh -c {shlex.quote(_SCRIPT.read_text())}")
    with stage.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the script failed: {done.stdout}{done.stderr}")
    return time.monotonic() - began


def _same(site: Site, name: str) -> None:
    """Make sure that the last apply came as far as the script does: the engine answers and has the image."""
    clock(site.ssh(name, "sudo docker image inspect staithe/smoke:1 > /dev/null"))
