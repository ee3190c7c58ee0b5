"""Programs that staithe placed: recognised by their stamps, hashed when they differ."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from staithe import host_layout
from staithe.probe.parse import parse
from staithe.probe.request import ProbeRequest
from staithe.probe.script import build
from staithe.probe.state import HostState

Probe = Callable[..., HostState]


def place(directory: str, **programs: bytes) -> dict[str, str]:
    folder = Path(host_layout.ENGINE_ROOT) / directory
    folder.mkdir(parents=True)
    placed = {}
    for name, content in programs.items():
        (folder / name).write_bytes(content)
        placed[str(folder / name)] = hashlib.sha256(content).hexdigest()
    return placed


def stamp(placed: dict[str, str]) -> None:
    Path(host_layout.STATE_DIR).mkdir(parents=True, exist_ok=True)
    lines = []
    for path, sha256 in placed.items():
        status = Path(path).stat()
        lines.append(
            f"{sha256} {status.st_size} {status.st_ino} {int(status.st_mtime)} {int(status.st_ctime)} {path}\n"
        )
    Path(host_layout.STAMPS).write_text("".join(lines))


def test_placed_programs_are_hashed_when_nothing_is_recorded(probe: Probe) -> None:
    placed = place("28.5.2-0123456789ab", dockerd=b"one", runc=b"two") | place(
        "20.10.24-ba9876543210", dockerd=b"old"
    )
    (Path(host_layout.ENGINE_ROOT) / "current").symlink_to("28.5.2-0123456789ab")
    engine = probe(sections=("engine",)).engine
    assert engine.placed == placed
    assert engine.current == "28.5.2-0123456789ab"


def test_a_stamped_program_is_not_hashed_unless_asked(probe: Probe) -> None:
    placed = place("28.5.2-0123456789ab", dockerd=b"one", runc=b"two")
    lie = dict.fromkeys(placed, "f" * 64)
    stamp(lie)
    assert probe(sections=("engine",)).engine.placed == lie
    assert probe(sections=("engine",), deep=True).engine.placed == placed


def test_a_changed_program_is_hashed_again(probe: Probe) -> None:
    placed = place("28.5.2-0123456789ab", dockerd=b"one", runc=b"two", ctr=b"three")
    stamp(dict.fromkeys(placed, "f" * 64))
    folder = Path(host_layout.ENGINE_ROOT) / "28.5.2-0123456789ab"
    (folder / "runc").write_bytes(b"tampered")
    os.utime(folder / "ctr", (0, 0))
    found = probe(sections=("engine",)).engine.placed
    assert found == {
        str(folder / "dockerd"): "f" * 64,
        str(folder / "runc"): hashlib.sha256(b"tampered").hexdigest(),
        str(folder / "ctr"): hashlib.sha256(b"three").hexdigest(),
    }


@pytest.mark.parametrize("target", ["nowhere", "/", ".."])
def test_a_current_that_leads_elsewhere_is_odd(probe: Probe, target: str) -> None:
    place("28.5.2-0123456789ab", dockerd=b"one")
    (Path(host_layout.ENGINE_ROOT) / "current").symlink_to(target)
    state = probe(sections=("engine",))
    assert state.engine.current is None
    assert "current leads to" in state.odd["engine"]


def test_programs_on_the_path_are_followed_to_their_end(probe: Probe, shell: list[str]) -> None:
    # The folders of PATH are fixed in the script: take a program that every machine has for docker.
    text = build(ProbeRequest(sections=("engine",))).replace("'dockerd' 'docker'", "'sh' 'dockerd'")
    done = subprocess.run([*shell, "-c", text], capture_output=True, check=True, text=True)
    sh = parse(done.stdout).engine.binaries["sh"]
    assert sh.path == "/usr/bin/sh"
    assert sh.target == os.path.realpath("/usr/bin/sh")
    assert sh.size_bytes == Path("/usr/bin/sh").stat().st_size
