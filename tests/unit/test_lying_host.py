"""Hosts that answer with garbage, with a gigabyte, with half an answer, or never: one clear error, within bounds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from staithe import ssh
from staithe.errors import CommandFailed, CommandTimeout, ConnectionLost, HostError, ProbeFailed
from staithe.probe.answer import MAX_LINES, take_apart
from staithe.visible import visible
from tests import lying_host
from tests.archives import build_bundle
from tests.lying_host import MEASURE, LyingHost

PEAK_MIB = 250


@pytest.fixture
def hosts() -> Iterator[Callable[[lying_host.Answer], LyingHost]]:
    made: list[LyingHost] = []

    def make(answer: lying_host.Answer) -> LyingHost:
        made.append(LyingHost(answer))
        return made[-1]

    yield make
    for host in made:
        host.close()


def connected(host: LyingHost) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    key = paramiko.RSAKey.generate(1024)
    client.connect(
        "127.0.0.1", host.port, "u", pkey=key, allow_agent=False, look_for_keys=False,
        transport_factory=ssh.fast_transport, disabled_algorithms={"pubkeys": []},
    )  # fmt: skip
    return client


Make = Callable[[lying_host.Answer], LyingHost]


@pytest.mark.parametrize("stderr", [False, True])
def test_a_flood_is_cut_off_and_the_command_ends(hosts: Make, stderr: bool) -> None:
    host = hosts(lying_host.flood(stderr=stderr))
    began = time.monotonic()
    with connected(host) as client, pytest.raises(CommandFailed, match="sent more than") as failure:
        ssh.execute(client, "x", timeout_s=60, limit_bytes=1 << 20)
    assert failure.value.found == "more than 1 MiB"
    assert failure.value.hint
    assert time.monotonic() - began < 20
    assert host.ended.wait(10), "the command on the host goes on"


@pytest.mark.parametrize("stderr", [False, True])
def test_exactly_the_limit_is_no_flood(hosts: Make, stderr: bool) -> None:
    host = hosts(lying_host.flood(stderr=stderr, most=1 << 20))
    with connected(host) as client:
        done = ssh.execute(client, "x", timeout_s=60, limit_bytes=1 << 20)
    assert len(done.stderr if stderr else done.stdout) == 1 << 20


@pytest.mark.parametrize("answer", [lying_host.never, lying_host.drip()], ids=["never", "drip"])
def test_an_answer_without_end_is_not_waited_for(hosts: Make, answer: lying_host.Answer) -> None:
    host = hosts(answer)
    began = time.monotonic()
    with connected(host) as client, pytest.raises(CommandTimeout, match="2 s"):
        ssh.execute(client, "x", timeout_s=2)
    assert time.monotonic() - began < 6
    with connected(host) as client, pytest.raises(CommandTimeout):
        ssh.hold(client, "x", timeout_s=2, beat_s=1.0)
    assert time.monotonic() - began < 12


def test_a_host_that_reads_nothing_is_not_waited_for(hosts: Make) -> None:
    host = hosts(lying_host.never)
    began = time.monotonic()
    with connected(host) as client, pytest.raises(CommandTimeout):
        ssh.execute(client, "x", timeout_s=2, stdin=iter([bytes(1 << 20)] * 100))
    assert time.monotonic() - began < 6


def test_a_held_command_that_floods_is_bounded(hosts: Make) -> None:
    with connected(hosts(lying_host.flood())) as client:
        held, line = ssh.hold(client, "x", timeout_s=20, beat_s=1.0)
        held.release()
    assert len(line) < 1 << 18


def test_a_broken_line_is_told(hosts: Make) -> None:
    with connected(hosts(lying_host.hang_up)) as client, pytest.raises(ConnectionLost):
        ssh.execute(client, "x", timeout_s=5)


BEGIN = b"@begin staithe-probe 1\n"
ANSWERS: dict[str, tuple[lying_host.Answer, str, str]] = {
    "nothing": (lying_host.text(b""), "E206", "no output"),
    "garbage": (lying_host.text(os.urandom(100_000)), "E206", "did not answer the probe"),
    "escapes": (lying_host.text(b"\x1b[2J\x1b]0;evil\x07\x9b31m\r\n" * 100), "E206", "\\x1b[2J"),
    "no UTF-8": (lying_host.text(BEGIN + b"\xff\xfe\xc0\x80\n"), "E206", "ends too early"),
    "half": (lying_host.text(BEGIN + b"clock\t1\n@section system\n"), "E206", "ends too early"),
    "another version": (lying_host.text(b"@begin staithe-probe \x1b[2J\n"), "E206", "another version"),
    "sections": (lying_host.text(BEGIN + b"".join(b"@section %d\n" % n for n in range(90_000))), "E206", "no probe"),
    "lines": (lying_host.text(BEGIN + b"|a\n" * 2_500_000), "E206", "too long"),
    "marks": (lying_host.text((BEGIN + b"@end staithe-probe 1\n") * 1000), "E206", "does not say"),
    "deep": (
        lying_host.text(BEGIN + b"@request " + b"[" * 1_000_000 + b"\n@end staithe-probe 1\n"),
        "E206",
        "not say",
    ),
    "flood": (lying_host.flood(), "E206", "more than 8 MiB"),
    "flood of an answer": (lying_host.flood(head=BEGIN, line=b"|text of a line\n" * 4096), "E206", "more than 8 MiB"),
    "flood on stderr": (lying_host.flood(stderr=True), "E206", "more than 8 MiB"),
    "exit code": (lying_host.text(b"\x1b[2Jno shell here\n", 127), "E206", "exit code 127"),
    "hang up": (lying_host.hang_up, "E210", "broke"),
}


def plan_all(
    folder: Path, made: dict[str, LyingHost], *arguments: str
) -> tuple[subprocess.CompletedProcess[str], int]:
    """Run `staithe plan` over all hosts; return what it said, and the peak of any of its processes in MiB."""
    build_bundle(folder / "made", "28.5.2")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    (folder / "known_hosts").write_text("".join(host.known_hosts_line() for host in made.values()))
    common = {
        "ssh_hostname": "127.0.0.1",
        "ssh_user": "u",
        "ssh_key": str(folder / "key"),
        "ssh_known_hosts_file": str(folder / "known_hosts"),
        "engine": {"bundle": str(folder / "made" / "bundle")},
        "trust": {"allowed_signers": str(folder / "made" / "allowed_signers")},
    }
    inventory = [(name, {**common, "ssh_port": host.port}) for name, host in made.items()]
    (folder / "inventory.py").write_text(f"hosts = {inventory!r}\n")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            MEASURE,
            str(Path(sys.executable).with_name("staithe")),
            "plan",
            "inventory.py",
            *arguments,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "COLUMNS": "200"},
    )
    *said, peak = done.stderr.splitlines()
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout, "\n".join(said)), int(peak)


def test_a_fleet_of_liars(hosts: Make, tmp_path: Path) -> None:
    """Each is one error of its own; none holds another back, none fills the memory, none reaches the terminal."""
    names = {name.replace(" ", "-"): name for name in ANSWERS}
    made = {short: hosts(ANSWERS[name][0]) for short, name in names.items()}
    began = time.monotonic()
    done, peak_mib = plan_all(tmp_path, made, "--json")
    seconds = time.monotonic() - began
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    found = {host["host"]: host["error"] for host in json.loads(done.stdout)["hosts"]}
    assert set(found) == set(made)
    for short, name in names.items():
        _, code, words = ANSWERS[name]
        assert found[short]["code"] == code, (name, found[short])
        assert words in visible(found[short]["message"]), (name, found[short])
        assert len(found[short]["message"]) < 2000, name
        assert found[short]["hint"], name
    assert peak_mib < PEAK_MIB, f"{peak_mib} MiB"
    assert seconds < 60
    assert visible(done.stderr) == done.stderr
    again, _ = (
        plan_all(tmp_path / "again", {"escapes": made["escapes"]}) if (tmp_path / "again").mkdir() is None else ()
    )
    assert visible(again.stdout + again.stderr) == again.stdout + again.stderr
    logs = list(tmp_path.rglob("hosts/*.log"))
    assert logs
    for log in logs:
        assert visible(log.read_text()) == log.read_text()


def test_what_is_no_ssh_server(tmp_path: Path, hosts: Make) -> None:
    """A port that talks without end, and never says that it is SSH."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                while True:
                    connection.sendall(b"x" * 65536)
            except OSError:
                if listener.fileno() == -1:
                    return

    threading.Thread(target=talk, daemon=True).start()
    fake: Any = hosts(lying_host.never)
    fake.port = listener.getsockname()[1]
    began = time.monotonic()
    done, peak_mib = plan_all(tmp_path, {"talker": fake}, "--json")
    listener.close()
    [host] = json.loads(done.stdout)["hosts"]
    assert host["error"]["code"] == "E201"
    assert peak_mib < PEAK_MIB
    assert time.monotonic() - began < 60


def test_an_answer_of_too_many_lines_is_refused_before_it_is_split() -> None:
    with pytest.raises(ProbeFailed, match="too long"):
        take_apart("\n" * (MAX_LINES + 1))
    with pytest.raises(ProbeFailed, match="no probe writes"):
        take_apart("@begin staithe-probe 1\n@section evil\n")
    assert issubclass(ProbeFailed, HostError)
