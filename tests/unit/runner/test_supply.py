"""How a runner's hosts find out where their blobs are: from a relay's keeper, from a registry, or nowhere."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from staithe.bundle.contents import Blob
from staithe.config.transfer import Transfer
from staithe.errors import Interrupted
from staithe.runner.control import Control
from staithe.runner.registry_supply import FromRegistry, _quoted
from staithe.runner.supply import FromRelay
from tests.registry_server import RegistryServer, registry_server

BLOB = Blob(f"sha256:{'a' * 64}", 10, "")
OTHER = Blob(f"sha256:{'b' * 64}", 10, "")


class Line:
    """A runner's two pipes."""

    def __init__(self) -> None:
        read, self.write = os.pipe()
        self.out = io.StringIO()
        self.control = Control(read, self.out)
        start = {"run_id": "r", "mode": "apply", "inventory": "i"}
        self.say({"type": "start", **start})
        assert self.control.read_start() is not None

    def say(self, told: dict[str, Any]) -> None:
        os.write(self.write, json.dumps(told).encode() + b"\n")

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    def answer(self, blob: Blob, host: str = "h2", **rest: str) -> None:
        ready = {"type": "blob_ready", "host": host, "relay": "h1", "blob": blob.digest, **rest}
        self.say({"type": "relay_ready", "ready": ready})


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def supply(line: Line) -> FromRelay:
    return FromRelay(line.control, "h2", "h1", lambda: "10.0.0.2")


def test_a_host_asks_once_and_gets_its_address(line: Line, supply: FromRelay) -> None:
    supply.announce([BLOB, OTHER])
    line.answer(BLOB, host="h3", url="http://other/")
    line.answer(BLOB, url="http://h1/a")
    line.answer(OTHER, url="http://h1/b")
    first, second = supply.origin(BLOB), supply.origin(OTHER)
    assert first is not None and second is not None
    assert (first.name, first.url, second.url) == ("relay h1", "http://h1/a", "http://h1/b")
    (asked,) = line.told
    assert (asked["type"], asked["relay"], asked["address"]) == ("blobs_wanted", "h1", "10.0.0.2")
    assert asked["blobs"] == [BLOB.digest, OTHER.digest]


def test_a_relay_that_cannot_is_given_up_with_one_notice(line: Line, supply: FromRelay) -> None:
    supply.announce([BLOB, OTHER])
    line.answer(BLOB, problem="no connection")
    assert supply.origin(BLOB) is None
    assert supply.origin(OTHER) is None
    notices = [one["text"] for one in line.told if one["type"] == "notice"]
    assert notices == ["relay h1: no connection; blobs are sent by SSH instead"]


@pytest.mark.parametrize("told_before", [True, False])
def test_nobody_waits_for_a_keeper_that_is_gone(line: Line, supply: FromRelay, told_before: bool) -> None:
    if told_before:
        line.say({"type": "relay_over"})
        gevent.sleep(0.1)
    waiting = gevent.spawn(supply.origin, BLOB)
    gevent.sleep(0.05)
    if not told_before:
        line.say({"type": "relay_over"})
    assert waiting.get(timeout=5) is None
    assert "the runner that kept it has ended" in line.told[-1]["text"]


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_who_waits_is_woken_when_the_run_is_stopped(line: Line, supply: FromRelay, end: str) -> None:
    waiting = gevent.spawn(supply.origin, BLOB)
    gevent.sleep(0.05)
    if end == "cancel":
        line.say({"type": "cancel"})
    else:
        os.close(line.write)
    with pytest.raises(Interrupted):
        waiting.get(timeout=5)
    assert line.control.relay_is_over.is_set() == (end == "close"), "others may still pull after a first Ctrl-C"


def test_odd_lines_about_relays_are_passed_over(line: Line, supply: FromRelay) -> None:
    for told in ({"type": "relay_wanted"}, {"type": "relay_ready", "ready": 1}, {"type": "relay_ready"}):
        line.say(told)
    line.answer(BLOB, url="http://h1/a")
    found = supply.origin(BLOB)
    assert found is not None and found.url == "http://h1/a"


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with registry_server() as served:
        yield served


def from_registry(line: Line, registry: RegistryServer, **more: str | bool) -> FromRegistry:
    place = {"registry": f"{registry.host}/site/bundle:1", "registry_plain_http": True}
    return FromRegistry(line.control, "h2", Transfer.model_validate({**place, **more}))


def test_an_open_registry_wants_nothing(line: Line, registry: RegistryServer) -> None:
    found = from_registry(line, registry).origin(BLOB)
    assert found is not None
    assert found.url == f"http://{registry.host}/v2/site/bundle/blobs/{BLOB.digest}"
    assert (found.login, found.has_proxy, found.ca) == ("", False, "")
    assert line.told == []


def test_a_registry_without_tls_is_told_by_the_keys_of_transfer(line: Line, registry: RegistryServer) -> None:
    assert from_registry(line, registry, registry_plain_http=False).origin(BLOB) is None
    (told,) = line.told
    assert "try: transfer.registry_plain_http: true" in told["text"] and "bundle.toml" not in told["text"]


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_hosts_get_what_the_registry_wants_to_see(line: Line, registry: RegistryServer, kind: Any) -> None:
    registry.kind, registry.login = kind, "hosts:p4ss-word"
    supply = from_registry(line, registry, registry_user="hosts", registry_password="p4ss-word")
    found, again = supply.origin(BLOB), supply.origin(OTHER)
    assert found is not None and again is not None
    word = "Basic aG9zdHM6cDRzcy13b3Jk" if kind == "basic" else "Bearer token-0"
    assert found.login == again.login == f'header = "Authorization: {word}"'
    assert line.control.vault.mask(found.login) == f'header = "Authorization: {word.split(maxsplit=1)[0]} ***"'


def test_a_login_that_is_refused_is_told_once(line: Line, registry: RegistryServer) -> None:
    registry.kind, registry.login = "bearer", "hosts:another"
    supply = from_registry(line, registry, registry_user="hosts", registry_password="p4ss-word")
    assert supply.origin(BLOB) is None
    assert supply.origin(OTHER) is None
    (told,) = line.told
    assert told["type"] == "notice"
    assert "refuses the login that transfer.registry_user has" in told["text"]
    assert "try: transfer.registry_user" in told["text"] and "docker login" not in told["text"]
    assert told["text"].endswith("; blobs are sent by SSH instead")
    assert "p4ss" not in told["text"]


class Silent:
    """A registry whose connections break; each of them takes a moment."""

    def __init__(self) -> None:
        self.asked = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                self.asked += 1
                time.sleep(0.2)
                peer.close()

    def close(self) -> None:
        self._socket.close()


def test_a_registry_that_does_not_answer_is_waited_for_once_in_a_run(line: Line) -> None:
    with contextlib.closing(Silent()) as silent:
        settings = Transfer.model_validate({"registry": f"{silent.host}/site:1", "registry_plain_http": True})
        supplies = [FromRegistry(line.control, f"h{number}", settings) for number in range(8)]
        waiting = [threading.Thread(target=supply.wait, args=(BLOB,)) for supply in supplies]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join(10)
        asked = silent.asked
        assert asked == 1
        assert {one["host"] for one in line.told} == {f"h{number}" for number in range(8)}
        assert len({one["text"] for one in line.told}) == 1
        assert line.told[0]["text"].endswith("; blobs are sent by SSH instead")
        # In its turn no host asks again; another run does.
        assert [supply.origin(BLOB) for supply in supplies] == [None] * 8
        assert silent.asked == asked
        assert FromRegistry(Line().control, "h1", settings).origin(BLOB) is None
        assert silent.asked > asked


def test_values_are_quoted_as_curl_reads_them() -> None:
    assert _quoted('a "b" \\c') == '"a \\"b\\" \\\\c"'
