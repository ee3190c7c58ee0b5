"""A registry of images on loopback: what a client needs of one, with logins of every kind, as it is told."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from tests.file_server import FileServer, send


@dataclass
class RegistryServer:
    """What the registry has, whom it lets in, and what was asked."""

    served: FileServer = field(default_factory=FileServer)
    types: dict[str, str] = field(default_factory=dict)
    kind: Literal["open", "basic", "bearer"] = "open"
    # Who may; None: bearer tokens for anybody.
    login: str | None = None
    identity_token: str | None = None
    realm: str = ""
    # How many requests each token is good for.
    token_uses: int = 1 << 30
    expires_in: int | None = 300
    host: str = ""
    # "METHOD path", in their order; the Authorization of each.
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)

    def add_blob(self, repository: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.served.files[f"/v2/{repository}/blobs/{digest}"] = content
        return digest

    def add_manifest(self, repository: str, content: bytes, media_type: str, *tags: str) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        for name in (digest, *tags):
            path = f"/v2/{repository}/manifests/{name}"
            self.served.files[path], self.types[path] = content, media_type
        return digest

    def count(self, beginning: str) -> int:
        return sum(one.startswith(beginning) for one in self.asked)


@contextmanager
def registry_server() -> Iterator[RegistryServer]:
    """Run a registry for the time of the block."""
    registry = RegistryServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            _answer(self, registry)

        do_HEAD = do_POST = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.host = f"127.0.0.1:{server.server_port}"
    registry.realm = f"http://{registry.host}/token"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, registry: RegistryServer) -> None:
    path, given = request.path, request.headers.get("Authorization")
    body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
    registry.asked.append(f"{request.command} {path}")
    registry.authorizations.append(given)
    statuses = registry.served.statuses.get(path)
    if statuses:
        _say(request, statuses.pop(0))
    elif path.startswith("/token"):
        _give_token(request, registry, given, body)
    elif not _may(registry, given):
        # As ghcr.io: a scope that is nobody's.
        scope = ',scope="repository:user/image:pull"' if path == "/v2/" else ""
        bearer = f'Bearer realm="{registry.realm}",service="lab, \\"one\\""{scope}'
        _say(request, 401, {"WWW-Authenticate": 'Basic realm="x"' if registry.kind == "basic" else bearer})
    elif path == "/v2/":
        _say(request, 200)
    elif path in registry.served.redirects:
        _say(request, 307, {"Location": registry.served.redirects[path]})
    elif path not in registry.served.files:
        _say(request, 404)
    elif path in registry.types and registry.types[path] not in request.headers.get("Accept", ""):
        _say(request, 406)
    elif request.command == "HEAD":
        content = registry.served.files[path]
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        _say(request, 200, {"Docker-Content-Digest": digest, "Content-Length": str(len(content))})
    else:
        send(request, registry.served, path, request.headers.get("Range"))


def _may(registry: RegistryServer, given: str | None) -> bool:
    if registry.kind == "open":
        return True
    if registry.kind == "basic":
        return given == _basic(registry.login)
    token = (given or "").removeprefix("Bearer ")
    if registry.tokens.get(token, 0) <= 0:
        return False
    registry.tokens[token] -= 1
    return True


def _give_token(request: BaseHTTPRequestHandler, registry: RegistryServer, given: str | None, body: bytes) -> None:
    form = dict(urllib.parse.parse_qsl(body.decode() or urllib.parse.urlsplit(request.path).query))
    repository = form["scope"].removeprefix("repository:").removesuffix(":pull")
    if request.command == "POST":
        is_known = registry.identity_token is not None and form.get("refresh_token") == registry.identity_token
    else:
        is_known = registry.login is None or given == _basic(registry.login)
    if not is_known:
        _say(request, 401)
        return
    token = f"token-{len(registry.tokens)}"
    is_here = any(path.startswith(f"/v2/{repository}/") for path in registry.served.files)
    registry.tokens[token] = registry.token_uses if is_here else 0
    name = "access_token" if request.command == "POST" else "token"
    _say(request, 200, content=json.dumps({name: token, "expires_in": registry.expires_in}).encode())


def _basic(login: str | None) -> str:
    return "Basic " + base64.b64encode((login or "").encode()).decode()


def _say(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None, content: bytes = b""
) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(content)
