"""The real script under the three shells that matter, on this machine, and its answer read back."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from staithe import host_layout
from staithe.errors import UsageError
from staithe.probe.parse import parse
from staithe.probe.request import ProbeRequest
from staithe.probe.script import SECTIONS, build, sysctl_path
from staithe.probe.state import HostState

SHELLS = {"dash": ["dash"], "bash": ["bash"], "bash-posix": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
Probe = Callable[..., HostState]


@pytest.fixture(params=SHELLS, autouse=True)
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

    def run(docker_socket: str = "/nowhere/docker.sock", **asked: object) -> HostState:
        text = build(ProbeRequest.model_validate(asked)).replace("PATH=/usr/sbin", f"PATH={stubs}:/usr/sbin")
        text = text.replace("timeout 10", "timeout 1").replace("/run/docker.sock", docker_socket)
        if docker_socket.startswith("/nowhere"):
            text = text.replace("[ -x ", "[ -d ")  # no python either
        done = subprocess.run([*shell, "-c", text], capture_output=True, timeout=60, check=False, stdin=None)
        assert (done.returncode, done.stderr) == (0, b"")
        return parse(done.stdout.decode("ascii"))

    return run


def write_stub(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_the_machine_is_described(probe: Probe) -> None:
    state = probe()
    assert state.os.id
    assert state.kernel.release == os.uname().release
    assert state.kernel.arch == os.uname().machine
    assert len(state.boot_id) == 36
    assert state.clock > 1_700_000_000
    usr = os.statvfs("/usr")
    assert state.storage["/usr"].total_bytes == usr.f_frsize * usr.f_blocks
    assert set(state.storage) == {"/var/lib/docker", "/var/lib/containerd", "/usr", host_layout.STATE_DIR}


def test_sysctl_values_come_whole(probe: Probe) -> None:
    keys = ("net.ipv4.ip_local_port_range", "kernel.pid_max", "net.ipv4.no_such_key")
    sysctl = probe(sysctl=keys).kernel.sysctl
    assert sysctl[keys[0]] == Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().rstrip("\n")
    assert sysctl[keys[1]] == Path("/proc/sys/kernel/pid_max").read_text().rstrip("\n")
    assert sysctl[keys[2]] is None


def test_modules_are_told_apart(probe: Probe, stubs: Path) -> None:
    write_stub(stubs, "modprobe", 'case "$*" in *staithe_loadable) exit 0 ;; esac; exit 1')
    there = next(path.name for path in Path("/sys/module").iterdir())
    modules = probe(modules=(there, "staithe_loadable", "staithe-missing"), sections=("kernel",)).kernel.modules
    assert modules[there].loaded
    assert modules[there].loadable
    assert not modules["staithe-missing"].loaded
    assert not modules["staithe-missing"].loadable
    assert not modules["staithe_loadable"].loaded


def test_files_come_back_exactly(probe: Probe, tmp_path: Path) -> None:
    contents = {
        "empty": b"",
        "no newline at the end": b"{}",
        "newlines": b"a\n\n\nb\n\n",
        "umlaut": "für\n".encode(),
        "carriage": b"a\r\nb\rc",
        "controls": bytes(range(1, 32)) + b"\x7f",
        "it's $(id) `id` \\ *": b"quoted",
        "-rf": b"option",
        "@end staithe-probe 1": b"@end staithe-probe 1\n@section files\n",
        "largest": b"x" * 65536,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    files = probe(files=tuple(f"{tmp_path}/{name}" for name in contents)).files
    for name, content in contents.items():
        found = files[f"{tmp_path}/{name}"]
        assert (found.text, found.sha256) == (content.decode(), hashlib.sha256(content).hexdigest()), name
        status = (tmp_path / name).stat()
        assert (found.exists, found.mode, found.ctime) == (True, f"{status.st_mode & 0o7777:o}", int(status.st_ctime))


def test_what_is_no_text_has_none(probe: Probe, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 65537)
    (tmp_path / "latin1").write_bytes(b"f\xfcr")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "after").write_bytes(b"still right")
    names = ("large", "latin1", "folder", "dangling", "missing", "after")
    found = probe(files=tuple(f"{tmp_path}/{name}" for name in names), sections=("files",)).files
    files = {name: found[f"{tmp_path}/{name}"] for name in names}
    assert {name: file.text for name, file in files.items() if file.text is not None} == {"after": "still right"}
    assert files["large"].sha256 == hashlib.sha256(b"x" * 65537).hexdigest()
    assert files["latin1"].sha256 == hashlib.sha256(b"f\xfcr").hexdigest()
    assert [name for name, file in files.items() if not file.exists] == ["missing"]


def test_the_record_comes_whole(probe: Probe) -> None:
    record = '{"former": "' + "x" * 200_000 + '"}\n'
    Path(host_layout.STATE_DIR).mkdir(parents=True)
    Path(host_layout.RECORD).write_text(record)
    state = probe(sections=("files",))
    assert state.record == record
    assert state.running is None
    assert state.files == {}


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


UNIT = "Id={0}\\nLoadState=loaded\\nActiveState={1}\\nSubState=x\\nMainPID={2}\\n"


def units(stubs: Path, docker: str, pid: int = 0) -> None:
    names = ("docker.service", "docker.socket", "containerd.service", "firewalld.service")
    blocks = (UNIT.format(name, docker if name == "docker.service" else "active", pid) for name in names)
    write_stub(stubs, "systemctl", "printf '" + "\\n".join(blocks) + "'")


@pytest.mark.parametrize("docker", ["inactive", "activating", "failed"])
def test_a_sleeping_engine_is_not_asked(probe: Probe, stubs: Path, docker: str) -> None:
    units(stubs, docker)
    for name in ("curl", "docker"):
        write_stub(stubs, name, f"touch {stubs}/asked")
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
def test_the_socket_is_asked(probe: Probe, stubs: Path, tmp_path: Path, curl: str | None) -> None:
    units(stubs, "active")
    if curl:
        write_stub(stubs, "curl", curl)
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


def test_a_socket_that_refuses_is_odd(probe: Probe, stubs: Path, tmp_path: Path) -> None:
    units(stubs, "active")
    write_stub(stubs, "curl", "exit 2")
    serve(tmp_path / "docker.sock", {"/info": "no"}, "HTTP/1.0 500")
    assert "no answer" in probe(docker_socket=f"{tmp_path}/docker.sock").odd["docker"]


def test_the_docker_command_answers_where_curl_is_too_old(probe: Probe, stubs: Path) -> None:
    units(stubs, "active")
    write_stub(stubs, "curl", "exit 2")
    info = '{"ServerVersion":"26.1.5","Driver":"overlay2","Warnings":["f\303\274r"]}'
    row = '{"ID":"sha256:aa","Repository":"busybox","Tag":"%s"}\\n'
    write_stub(
        stubs,
        "docker",
        f"case $3 in info) printf '%s\\n' '{info}' ;; images) printf '{row % 1}{row % '<none>'}' ;; esac",
    )
    state = probe()
    assert state.docker is not None
    assert state.docker.server_version == "26.1.5"
    assert state.images is not None
    assert [(image.id, image.tags) for image in state.images] == [("sha256:aa", ("busybox:1",))]
    assert "docker" not in state.odd


def test_an_engine_that_hangs_does_not_hang_the_probe(probe: Probe, stubs: Path) -> None:
    units(stubs, "active")
    write_stub(stubs, "curl", "exit 2")
    write_stub(stubs, "docker", "exec sleep 30")
    state = probe(sections=("docker",))
    assert state.docker is None
    assert "no answer" in state.odd["docker"]


def test_processes_are_identified(probe: Probe, stubs: Path) -> None:
    units(stubs, "inactive", os.getpid())
    process = probe(sections=("units",)).processes["docker.service"]
    assert process.pid == os.getpid()
    assert process.exe == str(Path(f"/proc/{os.getpid()}/exe").readlink())
    fields = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()
    assert process.start_ticks == int(fields[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(process.started_at - (probe(sections=("units",)).clock - uptime + process.start_ticks / 100)) < 3


def test_bytes_that_are_no_text_do_not_break_the_answer(probe: Probe, stubs: Path) -> None:
    write_stub(stubs, "systemctl", r"printf 'bad \377\000\033[2J\r@end staithe-probe 1\n@end staithe-probe 1\n'")
    state = probe()
    assert "systemctl says" in state.odd["units"]
    assert len(state.boot_id) == 36


def test_users_and_commands(probe: Probe) -> None:
    state = probe(users=("root", "no.such-user", "ro.t"))
    assert state.users == ("root",)
    assert "tar" not in state.missing_commands


def test_only_the_sections_asked_for_run(probe: Probe) -> None:
    state = probe(sections=("commands",))
    assert state.os.id == ""
    assert state.storage == {}


@pytest.mark.parametrize(
    "asked",
    [
        {"files": ("relative",)},
        {"files": ("/etc/a\nb",)},
        {"files": ("/etc/\x1b",)},
        {"files": ("/etc/für",)},
        {"data_root": "docker"},
        {"modules": ("-r",)},
        {"modules": ("a b",)},
        {"users": ("--help",)},
        {"sysctl": ("net/../../../etc/shadow",)},
        {"sysctl": ("net..ipv4",)},
        {"sections": ("nothing",)},
    ],
)
def test_what_cannot_be_asked_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="cannot ask"):
        build(ProbeRequest.model_validate(asked))


def test_a_slash_in_a_key_is_a_dot_in_a_name() -> None:
    assert sysctl_path("net.ipv4.conf.eth0/100.forwarding") == "/proc/sys/net/ipv4/conf/eth0.100/forwarding"


def test_every_section_has_its_function() -> None:
    text = build(ProbeRequest())
    assert all(f"\nsection_{name}() {{" in text for name in SECTIONS)
    assert "staithe-probe" in text
