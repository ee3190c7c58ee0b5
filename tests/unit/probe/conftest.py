"""Runs the real script under the three shells that matter, and reads its answer back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from staithe import host_layout
from staithe.probe.parse import parse
from staithe.probe.request import ProbeRequest
from staithe.probe.script import build
from staithe.probe.state import HostState

SHELLS = {"dash": ["dash"], "bash": ["bash"], "bash-posix": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
Probe = Callable[..., HostState]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[str(request.param)]


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A folder whose programs come before the system's."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    return folder


@pytest.fixture
def probe(shell: list[str], stubs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Probe:
    for name in ("ENGINE_ROOT", "STATE_DIR", "STAMPS", "RECORD", "RUNNING"):
        monkeypatch.setattr(host_layout, name, f"{tmp_path}{getattr(host_layout, name)}")
    monkeypatch.setattr(host_layout, "NOTES", tuple(f"{tmp_path}{path}" for path in host_layout.NOTES))

    def run(docker_socket: str = "/nowhere/docker.sock", **asked: object) -> HostState:
        text = build(ProbeRequest.model_validate(asked)).replace("PATH=/usr/sbin", f"PATH={stubs}:/usr/sbin")
        text = text.replace("timeout 10", "timeout 1").replace("/run/docker.sock", docker_socket)
        if docker_socket.startswith("/nowhere"):
            text = text.replace("[ -x ", "[ -d ")  # no python either
        done = subprocess.run([*shell, "-c", text], capture_output=True, timeout=60, check=False, stdin=None)
        assert (done.returncode, done.stderr) == (0, b"")
        return parse(done.stdout.decode("ascii"))

    return run


@pytest.fixture
def write_stub(stubs: Path) -> Callable[[str, str], None]:
    """Put a program of that name and body before the system's."""

    def write(name: str, body: str) -> None:
        path = stubs / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return write
