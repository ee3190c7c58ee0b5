"""A blob on its way from an origin that is too slow: ended, told, and sent over SSH. By a real shell and curl."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from staithe import ssh
from staithe.bundle.contents import Blob
from staithe.host import arrival
from staithe.host.remote import failure_of
from staithe.relay.origin import Origin
from staithe.relay.pulling import pull_blob_script
from tests.unit.relay.test_pulling import run

CONTENT = b"x" * 60_000
BLOB = Blob(f"sha256:{hashlib.sha256(CONTENT).hexdigest()}", len(CONTENT), "")


@pytest.fixture
def slow() -> Iterator[str]:
    """Serve something that is never whole, a little at a time."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listening.accept()
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
                for _ in range(100):
                    peer.sendall(b"x" * 100)
                    time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def test_a_pull_that_takes_too_long_is_told_as_such(
    slow: str, tmp_path: Path, small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "_LEAST_S", 0.0)
    reasons: list[str] = []
    over_ssh: list[bytes] = []
    origin = Origin("registry r.example/site", url=slow)
    source = tmp_path / "blob"
    source.write_bytes(CONTENT)
    supply = SimpleNamespace(
        wait=lambda blob: None, origin=lambda blob: origin, give_up=lambda blob, reason: reasons.append(reason)
    )
    here: Any = SimpleNamespace(
        name="h1",
        supply=supply,
        desired=SimpleNamespace(bundle=SimpleNamespace(open=lambda blob: source.open("rb"))),
        receiving=contextlib.nullcontext,
        tell=lambda event: None,
        stopped=lambda: False,
    )

    def receive(origin: Origin | None, stdin: Iterable[bytes]) -> None:
        if origin is None:
            over_ssh.extend(stdin)
            return
        limit_s = arrival.time_limit_s(BLOB, origin)
        done = run(["timeout", "-k", "5", f"{limit_s:.0f}", "sh"], pull_blob_script(BLOB, origin), tmp_path)
        raise failure_of("blob", ssh.Completed(done.returncode, b"", done.stderr.encode(), 0.0), "h1")

    arrival.bring(here, BLOB, receive)
    assert reasons == [f"blob {BLOB.hex[:12]} from registry r.example/site: not whole after 1 s; sent by SSH instead"]
    assert b"".join(over_ssh) == CONTENT


@pytest.mark.parametrize(("mib", "expected_s"), [(0, 60), (3, 162), (30, 1084), (300, 2400)])
def test_how_long_a_pull_may_take_is_for_its_size(mib: int, expected_s: int) -> None:
    blob = Blob(BLOB.digest, mib << 20, "")
    assert round(arrival.time_limit_s(blob, Origin("relay"))) == expected_s
    assert arrival.time_limit_s(blob, None) == 2400
