"""What runs: units, processes, and an engine that sleeps, answers, is old, or hangs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from staithe.probe.state import HostState

Probe = Callable[..., HostState]
Stub = Callable[[str, str], None]


UNIT = "Id={0}\\nLoadState=loaded\\nActiveState={1}\\nSubState=x\\nMainPID={2}\\n"


def units(write_stub: Stub, docker: str, pid: int = 0) -> None:
    names = ("docker.service", "docker.socket", "containerd.service", "firewalld.service")
    blocks = (UNIT.format(name, docker if name == "docker.service" else "active", pid) for name in names)
    write_stub("systemctl", "printf '" + "\\n".join(blocks) + "'")


@pytest.mark.parametrize("docker", ["inactive", "activating", "failed"])
def test_a_sleeping_engine_is_not_asked(probe: Probe, stubs: Path, write_stub: Stub, docker: str) -> None:
    units(write_stub, docker)
    for name in ("curl", "docker"):
        write_stub(name, f"touch {stubs}/asked")
    state = probe()
    assert state.units["docker.service"].active_state == docker
    assert (state.docker, state.images) == (None, None)
    assert not (stubs / "asked").exists()
    assert "docker" not in state.odd


def serve(path: Path, answers: dict[str, str], version: str = "HTTP/1.0") -> threading.Thread:
    """Answer one request for each path on a unix socket, as dockerd does."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(4)

    def run() -> None:
        for _ in answers:
            connection, _address = listener.accept()
            asked = connection.recv(65536).decode().split(" ")[1]
            body = answers[asked].encode()
            head = f"{version} 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            connection.sendall(head + body)
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("curl", [None, "exit 2"], ids=["curl", "python"])
def test_the_socket_is_asked(probe: Probe, write_stub: Stub, tmp_path: Path, curl: str | None) -> None:
    units(write_stub, "active")
    if curl:
        write_stub("curl", curl)
    info = json.dumps(
        {"ServerVersion": "28.5.2", "Warnings": ["für"], "LiveRestoreEnabled": True}, ensure_ascii=False
    )
    images = json.dumps([{"Id": f"sha256:{n}", "RepoTags": [f"a:{n}", "<none>:<none>"]} for n in range(3000)])
    serve(tmp_path / "docker.sock", {"/info": info + "\n", "/images/json": images + "\n"})
    state = probe(sections=("docker",), docker_socket=f"{tmp_path}/docker.sock")
    assert state.docker is not None
    assert (state.docker.server_version, state.docker.live_restore) == ("28.5.2", True)
    assert state.images is not None
    assert len(state.images) == 3000
    assert state.images[7].tags == ("a:7",)
    assert state.odd == {}


def test_a_socket_that_refuses_is_odd(probe: Probe, write_stub: Stub, tmp_path: Path) -> None:
    units(write_stub, "active")
    write_stub("curl", "exit 2")
    serve(tmp_path / "docker.sock", {"/info": "no"}, "HTTP/1.0 500")
    assert "no answer" in probe(docker_socket=f"{tmp_path}/docker.sock").odd["docker"]


def test_the_docker_command_answers_where_curl_is_too_old(probe: Probe, write_stub: Stub) -> None:
    units(write_stub, "active")
    write_stub("curl", "exit 2")
    info = '{"ServerVersion":"26.1.5","Driver":"overlay2","Warnings":["f\303\274r"]}'
    row = '{"ID":"sha256:aa","Repository":"busybox","Tag":"%s"}\\n'
    write_stub(
        "docker",
        f"case $3 in info) printf '%s\\n' '{info}' ;; images) printf '{row % 1}{row % '<none>'}' ;; esac",
    )
    state = probe()
    assert state.docker is not None
    assert state.docker.server_version == "26.1.5"
    assert state.images is not None
    assert [(image.id, image.tags) for image in state.images] == [("sha256:aa", ("busybox:1",))]
    assert "docker" not in state.odd


def test_an_engine_that_hangs_does_not_hang_the_probe(probe: Probe, write_stub: Stub) -> None:
    units(write_stub, "active")
    write_stub("curl", "exit 2")
    write_stub("docker", "exec sleep 30")
    state = probe(sections=("docker",))
    assert state.docker is None
    assert "no answer" in state.odd["docker"]


def test_processes_are_identified(probe: Probe, write_stub: Stub) -> None:
    units(write_stub, "inactive", os.getpid())
    process = probe(sections=("units",)).processes["docker.service"]
    assert process.pid == os.getpid()
    assert process.exe == str(Path(f"/proc/{os.getpid()}/exe").readlink())
    fields = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()
    assert process.start_ticks == int(fields[19])


def test_the_start_of_a_process_is_known_to_the_hundredth(probe: Probe, write_stub: Stub) -> None:
    # A file that was written in the second of the start was read by the process, or was not.
    before = time.time()
    with subprocess.Popen(["sleep", "60"]) as child:
        after = time.time()
        units(write_stub, "inactive", child.pid)
        process = probe(sections=("units",)).processes["docker.service"]
        child.kill()
    assert before - 0.1 <= process.started_at <= after


def test_bytes_that_are_no_text_do_not_break_the_answer(probe: Probe, write_stub: Stub) -> None:
    write_stub("systemctl", r"printf 'bad \377\000\033[2J\r@end staithe-probe 1\n@end staithe-probe 1\n'")
    state = probe()
    assert "systemctl says" in state.odd["units"]
    assert len(state.boot_id) == 36
