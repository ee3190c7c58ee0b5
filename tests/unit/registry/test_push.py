"""Pushes into registries that do wrong; what a real one makes of a push, tests/lab/test_registry.py shows."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from staithe.bundle.read import read_bundle
from staithe.errors import RegistryError
from staithe.registry.endpoint import endpoint_of
from staithe.registry.push import Pushed, push, signatures_tag
from staithe.registry.repository import ImageRepository


class Registry:
    """A registry that takes uploads; `odd` says what it does wrong."""

    def __init__(self) -> None:
        self.odd = ""
        # Requests of this method whose connection ends without an answer, and how many.
        self.broken = ""
        self.breaks = 0
        self.host = ""
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.refusals = 0
        # The names of manifests, in the order in which they came.
        self.order: list[str] = []

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, dict[str, str]]:
        path = urlsplit(target).path.removeprefix("/v2/site/bundle/")
        kind, _, name = path.partition("/")
        if self.odd == "busy" and self.refusals < 2 and method in ("HEAD", "POST"):
            self.refusals += 1
            return 503, {}
        if method == self.broken and self.breaks > 0:
            self.breaks -= 1
            raise ConnectionResetError
        if target == "/v2/":
            return 200, {}
        if method == "HEAD":
            content = (self.blobs if kind == "blobs" else self.manifests).get(name)
            return (404, {}) if content is None else (200, {"Docker-Content-Digest": digest_of(content)})
        if method == "POST":
            place = f"/v2/site/bundle/blobs/uploads/{len(self.uploads)}?state=a"
            self.uploads[str(len(self.uploads))] = b""
            return 202, {"Location": f"http://127.0.0.2:1{place}" if self.odd == "elsewhere" else place}
        if method == "PATCH":
            self.uploads[name.rpartition("/")[2]] += body
            return 202, {"Location": target}
        if kind == "blobs":
            content, wanted = self.uploads[name.rpartition("/")[2]], parse_qs(urlsplit(target).query)["digest"][0]
            if digest_of(content) != wanted or self.odd == "refuses":
                return 400, {}
            self.blobs[wanted] = content
            return 201, {"Docker-Content-Digest": "sha256:" + "0" * 64 if self.odd == "other blob" else wanted}
        self.manifests[name] = body
        self.order.append(name)
        return 201, {"Docker-Content-Digest": digest_of(body + b"x" if self.odd == "other manifest" else body)}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def registry() -> Iterator[Registry]:
    served = Registry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, headers = served.answer(self.command, self.path, body)
            except ConnectionResetError:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        do_HEAD = do_POST = do_PUT = do_PATCH = do_GET

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.host = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def pushed(registry: Registry, bundle: Path, tag: str = "1") -> Pushed:
    with repository_of(registry) as repository:
        return push(read_bundle(bundle), repository, tag)


def repository_of(registry: Registry) -> ImageRepository:
    return ImageRepository(endpoint_of(registry.host), "site/bundle", ("pull", "push"), lambda host: None)


@pytest.mark.parametrize("odd", ["", "busy"])
def test_everything_arrives_and_the_tag_comes_last(registry: Registry, small_bundle: Path, odd: str) -> None:
    registry.odd = odd
    done = pushed(registry, small_bundle)
    names = {f"sha256:{path.name}" for path in (small_bundle / "blobs/sha256").iterdir()}
    assert set(registry.blobs) | set(registry.order) - {"1"} >= names
    assert all(digest_of(content) == digest for digest, content in registry.blobs.items())
    assert registry.order[-1] == "1"
    assert registry.manifests["1"] == (small_bundle / "index.json").read_bytes()
    # A signature and its artifact's config are told apart.
    assert (done.sent, done.there, done.signatures) == (len(registry.blobs) - 2, 0, 1)
    again = pushed(registry, small_bundle)
    assert (again.sent, again.sent_bytes, again.there) == (0, 0, done.sent)
    assert registry.order[-1] == "1" and registry.order.count("1") == 1


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ("elsewhere", "the registry wants an upload to go elsewhere"),
        ("refuses", "the registry does not take a blob: status 400"),
        ("other blob", "the registry keeps something else than was sent"),
        ("other manifest", "the registry keeps something else than was sent"),
    ],
)
def test_a_registry_that_does_wrong_gets_no_tag(registry: Registry, small_bundle: Path, odd: str, words: str) -> None:
    registry.odd = odd
    with pytest.raises(RegistryError, match=words):
        pushed(registry, small_bundle)
    assert "1" not in registry.manifests


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "PUT"])
def test_a_connection_that_breaks(
    registry: Registry, small_bundle: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staithe.registry.push._WAITS_S", (0.01,) * 3)
    registry.broken, registry.breaks = method, 1 << 30
    with pytest.raises(RegistryError, match="cannot be reached" if method == "GET" else "breaks off") as caught:
        pushed(registry, small_bundle)
    assert registry.host in (caught.value.where or "") and caught.value.found and caught.value.hint
    assert "1" not in registry.manifests
    # Once more is enough, and no byte of a blob is counted twice.
    registry.breaks, told = 1, []
    with repository_of(registry) as repository:
        done = push(read_bundle(small_bundle), repository, "1", told.append)
    assert registry.manifests["1"] == (small_bundle / "index.json").read_bytes()
    assert all(digest_of(content) == digest for digest, content in registry.blobs.items())
    assert sum(told) >= done.sent_bytes
    assert sum(told) <= sum(len(content) for content in registry.blobs.values())


def staithe_push(target: str, bundle: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "from staithe.cli.app import main; main()",
        "bundle",
        "push",
        target,
        str(bundle),
    ]
    return subprocess.run(
        [*command, "--allow-unsigned", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "DOCKER_CONFIG": "/nonexistent"},
    )


def test_a_registry_that_is_not_there(small_bundle: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        done = staithe_push(f"{host}/site/bundle:1", small_bundle)
    assert done.returncode == 5
    first, error, *more = done.stderr.splitlines()
    assert first == f"asking {host}"
    assert error.startswith("error E406") and "refused" in done.stderr
    assert f"curl -v http://{host}/v2/" in "".join(more)


def test_a_proxy_that_refuses(registry: Registry, small_bundle: Path) -> None:
    # To this server CONNECT is a word that it does not know.
    done = staithe_push("registry.example.com/site/bundle:1", small_bundle, "--proxy", f"http://{registry.host}")
    assert done.returncode == 5
    assert (
        "error E406" in done.stderr and "501" in done.stderr and f"curl -v -x http://{registry.host}" in done.stderr
    )


@pytest.mark.parametrize("proxy", ["zzz", "http://me:s3cret@proxy.example.com", "socks5://127.0.0.1:1", "http://"])
def test_what_is_no_proxy(small_bundle: Path, proxy: str) -> None:
    done = staithe_push("registry.example.com/site/bundle:1", small_bundle, "--proxy", proxy)
    assert done.returncode == 2
    assert "error E100: --proxy: " in done.stderr
    assert "s3cret" not in done.stderr


def test_a_registry_without_tls(registry: Registry, small_bundle: Path) -> None:
    port = registry.host.rpartition(":")[2]
    ca = Path(ssl.get_default_verify_paths().openssl_cafile)
    done = staithe_push(f"127.0.0.1:{port}/site/bundle:1", small_bundle, "--ca", str(ca))
    assert done.returncode == 5
    assert "--plain-http" in done.stderr and "bundle.toml" not in done.stderr


def test_signatures_have_a_tag_that_any_registry_takes() -> None:
    tag = signatures_tag(f"sha256:{'a' * 64}")
    assert tag == f"sha256-{'a' * 64}.signatures"
    assert len(tag) <= 128
