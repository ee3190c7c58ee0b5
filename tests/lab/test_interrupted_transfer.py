"""A transfer that is killed, cut or out of room at 20 random points: what has arrived is never sent again.

Bytes are counted by the host's network card, files hashed by the host's own sha256sum. The seed is printed;
STAITHE_KILL_SEED=NUMBER runs the same points again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import LAB_ID, SMOKE_IMAGE, Host, Site
from tests.lab.killing import FREE, VICTIMS, Killed, Wish, rest

_BLOBS = "/var/lib/staithe/blobs/sha256"
_LAYERS, _LAYER_BYTES = 10, 4 << 20
# Room for the few that come before the blobs.
_SMALL_FILES_BYTES = 256 << 10
_IMAGE = "large/image:1"
_WISH = Wish("28.5.2", "wish=transfer")
_OPTIONS = ("--set", "smoke.enabled=false", "--bundle", "large")
# What comes beside the blobs: handshake, scripts, headers of packets. Less than a blob.
_BESIDE_BYTES, _HEADERS = 512 << 10, 1.06
_POINTS = ("kill",) * 11 + ("cut",) * 4 + ("host full",) * 3 + ("here full",) * 2


# Those processes of sshd that serve a connection, but not this one.
_END_OTHER_SESSIONS = """mine=" "; at=$$
while [ "$at" -gt 1 ]; do mine="$mine$at "; at=$(ps -o ppid= -p "$at" | tr -d ' '); done
for pid in $(ps -eo pid=,comm= | awk '$2 ~ /^sshd/ {print $1}'); do
  case $mine in *" $pid "*) continue ;; esac
  if [ "$(ps -o ppid= -p "$pid" | tr -d ' ')" != 1 ]; then kill -9 "$pid"; fi
done 2>/dev/null
:"""


def tar_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def large_image(path: Path, chance: random.Random) -> dict[str, int]:
    """Write docker save's archive of an image with many layers; return the layers' digests and sizes."""
    layers = [tar_of({f"file-{n}": chance.randbytes(_LAYER_BYTES)}) for n in range(_LAYERS)]
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{one}" for one in digests]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    entry = {"Config": name, "RepoTags": [_IMAGE], "Layers": [f"{one}/layer.tar" for one in digests]}
    files = {f"{one}/layer.tar": layer for one, layer in zip(digests, layers, strict=True)}
    path.write_bytes(tar_of({**files, name: config, "manifest.json": json.dumps([entry]).encode()}))
    return {one: len(layer) for one, layer in zip(digests, layers, strict=True)}


@dataclass(frozen=True)
class Seen:
    """What a host has, once nobody is at work on it any more."""

    # Digests of the large blobs; each file is what its name says.
    blobs: set[str]
    received_bytes: int


_LOOK = f"""cd {_BLOBS} 2>/dev/null || cd /
for file in [0-9a-f]*; do if [ -f "$file" ]; then echo "$(sha256sum < "$file") $file"; fi; done
ls -A | grep part
echo "received $(cat /sys/class/net/eth0/statistics/rx_bytes)"
"""


def look(host: Host, sizes: dict[str, int]) -> Seen:
    """Ask the host, in one command, when its locks are free."""
    told = host.sh(f"{FREE.replace('WITHIN', '40')}\n{_LOOK}")
    *lines, last = told.splitlines()
    found = set()
    for line in lines:
        digest, marker, name = line.partition("  - ")
        assert marker, f"half a blob stays, or a lock is held: {line}"
        assert digest == name, "a wrong file under a right name"
        found.add(name)
    return Seen(found & sizes.keys(), int(last.removeprefix("received ")))


@pytest.fixture
def roomy(converged: Host) -> Iterator[Host]:
    """h2, whose /var/lib/staithe is a file system of its own that can be made smaller."""
    converged.sh(
        "cp -a /var/lib/staithe /run/kept && mount -t tmpfs -o size=400m,mode=700 roomy /var/lib/staithe"
        " && cp -a /run/kept/. /var/lib/staithe/"
    )
    try:
        yield converged
    finally:
        rest(converged)
        converged.sh(f"docker rmi {_IMAGE} >/dev/null 2>&1; umount /var/lib/staithe; rm -rf /run/kept", check=False)


class Series:
    """Runs one after the other towards the same host."""

    def __init__(self, site: Site, program: str, host: Host, sizes: dict[str, int], chance: random.Random) -> None:
        self._site, self._program, self._host, self._sizes, self._chance = site, program, host, sizes, chance
        self._transfer_s = 1.0
        self.seen = look(host, sizes)
        self.resumed = 0

    def forget(self) -> None:
        """Let the host have nothing of the image again."""
        names = " ".join(f"{_BLOBS}/{one}" for one in self._sizes)
        self._host.sh(f"docker rmi {_IMAGE} >/dev/null 2>&1 || :; rm -f {names}")
        self.seen = look(self._host, self._sizes)

    def whole(self) -> None:
        """Apply to the end."""
        run = self._begin()
        said, _ = run.process.communicate(timeout=100)
        assert run.process.returncode == 0, said
        moments = [one["time"] for one in run.events if one["type"] == "transferred"]
        if not self.seen.blobs:
            self._transfer_s = moments[-1] - next(one["time"] for one in run.events if _begins_images(one))
        self._check(run.events)
        assert self.seen.blobs == self._sizes.keys()

    def interrupt(self, kind: str) -> None:
        """Begin a run and let it come to grief while blobs are on their way."""
        if kind == "host full":
            # Less by more than what is left for small files, or everything has room after all.
            self._leave_room(self._chance.randrange(self._lacking_bytes - 2 * _SMALL_FILES_BYTES))
        if kind == "here full" and os.geteuid() == 0:
            self._no_room_here()
            self._check([])
            return
        run = self._begin()
        if kind != "host full":
            assert run.wait_until(_begins_images)
            time.sleep(self._chance.uniform(0, self._transfer_s * self._lacking_bytes / sum(self._sizes.values())))
        if kind == "cut":
            # The controller gets a reset, in the middle of a packet.
            self._host.sh(_END_OTHER_SESSIONS)
        if kind in ("cut", "host full"):
            said, _ = run.process.communicate(timeout=100)
            assert "Traceback" not in said, said
        else:
            run.kill(self._chance.choice(VICTIMS))
        if kind == "host full":
            assert run.process.returncode == 1 and "E217" in said, said
            self._host.sh("mount -o remount,size=400m /var/lib/staithe")
        self._check(run.events)

    @property
    def _lacking_bytes(self) -> int:
        return sum(self._sizes[one] for one in self._sizes.keys() - self.seen.blobs)

    def _begin(self) -> Killed:
        return Killed(self._site, self._program, self._host, _WISH, _OPTIONS)

    def _leave_room(self, size: int) -> None:
        self._host.sh(
            "used=$(df -B1 --output=used /var/lib/staithe | tail -1)\n"
            f"mount -o remount,size=$((used + {_SMALL_FILES_BYTES + size})) /var/lib/staithe"
        )

    def _no_room_here(self) -> None:
        """The record of the run has no room on this machine."""
        records = self._site.folder / f"small-{time.monotonic_ns()}"
        records.mkdir()
        words = ["apply", self._site.inventory, "--yes", "--limit", self._host.name, *_WISH.arguments, *_OPTIONS]
        script = f'mount -t tmpfs -o size={self._chance.randrange(16, 48)}k none {records} && exec "$@"'
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", self._program, *words],
            cwd=self._site.folder,
            env={**os.environ, "STAITHE_LAB_ID": LAB_ID, "STAITHE_RUNS": str(records)},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert "Traceback" not in done.stderr, done.stderr

    def _check(self, events: list[dict[str, Any]]) -> None:
        """Nothing that was there has come again, by the events and by the host's card; look at the host anew."""
        before, lacking = self.seen, self._lacking_bytes
        sent = {one["blob"].removeprefix("sha256:") for one in events if one["type"] == "transferred"}
        assert not sent & before.blobs, f"sent again: {sent & before.blobs}"
        self.seen = look(self._host, self._sizes)
        came = self.seen.received_bytes - before.received_bytes
        assert came <= lacking * _HEADERS + _BESIDE_BYTES, f"{came} bytes came, {lacking} were lacking"
        assert self.seen.blobs >= before.blobs
        self.resumed += bool(before.blobs)


def _begins_images(event: dict[str, Any]) -> bool:
    return str(event.get("change_id")).startswith("images:")


@pytest.mark.timeout(280)
def test_what_has_arrived_is_never_sent_again(site: Site, program: str, roomy: Host) -> None:
    from staithe.lab import artifacts

    seed = int(os.environ.get("STAITHE_KILL_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nSTAITHE_KILL_SEED={seed}")
    chance = random.Random(seed)
    made = artifacts.located()
    sizes = large_image(site.folder / "large.tar", chance)
    words = ["--engine", str(made.engines[_WISH.version]), "--image", "large.tar"]
    words += ["--image", str(made.images[SMOKE_IMAGE])]
    site.staithe("bundle", "build", *words, "--out", "large")
    site.staithe("bundle", "sign", "large", "--key", site.lab["signing_key"])

    series = Series(site, program, roomy, sizes, chance)
    series.whole()
    series.forget()
    points = list(_POINTS)
    chance.shuffle(points)
    for kind in points:
        if len(series.seen.blobs) > _LAYERS - 3:
            series.whole()
            series.forget()
        series.interrupt(kind)
    series.whole()
    assert series.resumed >= 5, "hardly anything was left to be resumed"
    layers = json.loads(roomy.sh(f"docker image inspect {_IMAGE}"))[0]["RootFS"]["Layers"]
    assert {one.removeprefix("sha256:") for one in layers} == sizes.keys()
    plan = site.run("plan", "--check", *_WISH.arguments, *_OPTIONS, limit="h2")
    assert plan.host("h2")["changes"] == []
