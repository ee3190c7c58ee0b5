"""The script that answers one request, as systemd starts it: a connection on stdin and stdout. By real shells."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from staithe.relay.serving import SERVE
from tests.relay_server import serving

CONTENT = bytes(range(256)) * 4000
HEX = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["dash", "bash", "busybox sh"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = str(request.param).split()
    assert shutil.which(words[0]), f"{words[0]} is missing: make setup installs it"
    return words


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "sha256").mkdir()
    (tmp_path / "sha256" / HEX).write_bytes(CONTENT)
    (tmp_path / "allowed").write_text("10.9.9.9\n127.0.0.1\n")
    (tmp_path / "serve").write_text(SERVE.replace("sleep 10", "sleep 1"))
    return tmp_path


@pytest.fixture
def port(home: Path, shell: list[str]) -> Iterator[int]:
    with serving(home, shell) as port:
        yield port


def say(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(request)
        answer = b""
        while data := peer.recv(65536):
            answer += data
        return answer


def curl(port: int, *words: str, target: str = f"/sha256/{HEX}") -> subprocess.CompletedProcess[bytes]:
    command = ["curl", "-q", "-sS", "--noproxy", "*", *words, f"http://127.0.0.1:{port}{target}"]
    return subprocess.run(command, capture_output=True, timeout=20)


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in answer, answer
    return int(answer[9:12])


def test_a_blob_comes_whole(port: int) -> None:
    assert curl(port).stdout == CONTENT


def test_the_head_alone(port: int) -> None:
    head = curl(port, "--head").stdout
    assert status(head) == 200
    assert f"Content-Length: {len(CONTENT)}\r\n".encode() in head
    assert head.endswith(b"\r\n\r\n")


def test_the_rest_of_a_blob(port: int) -> None:
    assert curl(port, "-C", "1000").stdout == CONTENT[1000:]
    answer = curl(port, "-i", "-H", "Range: bytes=1023999-").stdout
    assert status(answer) == 206
    assert b"Content-Range: bytes 1023999-1023999/1024000\r\n" in answer
    assert status(curl(port, "-i", "-H", "Range: bytes=1024000-").stdout) == 416


@pytest.mark.parametrize("value", ["bytes=0-10", "bytes=-10", "bytes=a-", "bytes=$(id)-", "bytes=1-2,4-", "lines=1-"])
def test_other_ranges_get_the_whole(port: int, value: str) -> None:
    assert curl(port, "-H", f"Range: {value}").stdout == CONTENT


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (f"POST /sha256/{HEX} HTTP/1.1", 405),
        (f"PUT /sha256/{HEX} HTTP/1.1", 405),
        (f"GET /sha256/{HEX} HTTP/2", 400),
        (f"GET /sha256/{HEX}", 400),
        ("", 400),
        ("GET", 400),
        ("GET / HTTP/1.1", 404),
        ("GET /sha256/ HTTP/1.1", 404),
        (f"GET /sha256/{HEX[1:]} HTTP/1.1", 404),
        (f"GET /sha256/{HEX}0 HTTP/1.1", 404),
        (f"GET /sha256/{HEX.upper()} HTTP/1.1", 404),
        (f"GET /sha256/{'0' * 64} HTTP/1.1", 404),
        ("GET /allowed HTTP/1.1", 404),
        ("GET /sha256/../allowed HTTP/1.1", 404),
        (f"GET /sha256/{'.' * 61}/../ HTTP/1.1", 404),
        (f"GET /sha256/{'*' * 64} HTTP/1.1", 404),
        (f"GET /sha256/{HEX}?x HTTP/1.1", 404),
        (f"GET http://elsewhere/sha256/{HEX} HTTP/1.1", 404),
        ("GET /sha256/$(touch${IFS}hacked) HTTP/1.1", 404),
        ("GET /sha256/`touch hacked` HTTP/1.1", 400),
        ("GET %s%s%n HTTP/1.1", 404),
        ("-n -e HTTP/1.1", 405),
    ],
)
def test_what_is_no_request_for_a_blob_is_refused(port: int, home: Path, request_line: str, expected: int) -> None:
    answer = say(port, request_line.encode() + b"\r\nHost: x\r\n\r\n")
    assert status(answer) == expected
    assert answer.endswith(b"\r\n\r\n"), "nothing beside the head"
    assert not list(home.rglob("hacked"))


def test_too_many_headers_are_refused(port: int) -> None:
    answer = say(port, f"GET /sha256/{HEX} HTTP/1.1\r\n".encode() + b"X: y\r\n" * 65 + b"\r\n")
    assert status(answer) == 431


def test_who_is_no_host_of_the_run_gets_nothing(home: Path, shell: list[str]) -> None:
    with serving(home, shell, peer="127.0.0.10") as port:
        assert status(curl(port, "-i").stdout) == 403
    with serving(home, shell, peer="10.9.9") as port:
        assert status(curl(port, "-i").stdout) == 403
    with serving(home, shell, peer="::ffff:10.9.9.9") as port:
        assert curl(port).stdout == CONTENT
    with serving(home, shell, peer=None) as port:
        assert curl(port).stdout == CONTENT, "systemd of EL 7 does not say who it is"


def test_a_stranger_who_says_nothing_is_sent_away_at_once(home: Path, shell: list[str]) -> None:
    (home / "serve").write_text(SERVE)
    with serving(home, shell, peer="10.1.1.1") as port:
        began = time.monotonic()
        for request in (b"", b"GET /sha256/", b"G" * 3000):
            assert status(say(port, request)) == 403
        assert time.monotonic() - began < 5


def test_who_says_nothing_is_hung_up_on(port: int) -> None:
    began = time.monotonic()
    for request in (b"", b"GET /sha256/"):
        with contextlib.suppress(ConnectionResetError):
            assert say(port, request) == b""
    assert time.monotonic() - began < 6
