"""The real script under the three shells that matter, on this machine, and its answer read back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from staithe import host_layout
from staithe.errors import UsageError
from staithe.probe.request import ProbeRequest
from staithe.probe.script import SECTIONS, build, sysctl_path
from staithe.probe.state import HostState

Probe = Callable[..., HostState]


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


def test_modules_are_told_apart(probe: Probe, write_stub: Callable[[str, str], None]) -> None:
    write_stub("modprobe", 'case "$*" in *staithe_loadable) exit 0 ;; esac; exit 1')
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
        assert (found.exists, found.mode) == (True, f"{status.st_mode & 0o7777:o}")
        assert abs(found.ctime - status.st_ctime) < 1e-5


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


def test_nobody_waits_for_rpm_before_the_rest_is_answered(
    probe: Probe, write_stub: Callable[[str, str], None], tmp_path: Path
) -> None:
    """Here rpm itself waits until a section is answered that stands behind its own."""
    asked = tmp_path / "asked"
    write_stub("systemctl", f": > '{asked}'")
    wait = f"i=0; while [ ! -e '{asked}' ]; do i=$((i + 1)); [ $i -lt 50 ] || exit 1; sleep 0.1; done"
    # The engine section asks it too, for the owners of programs.
    write_stub("rpm", f'case "$*" in *podman*) {wait}; echo package podman podman-5.0-1.el9.x86_64 ;; esac')
    assert probe(sections=("packages", "units")).packages == {"podman": "podman-5.0-1.el9.x86_64"}
