"""Package repositories on the lab's bridge, served by HTTP as a mirror would, and misbehaving as it is told.

Hosts reach this machine at the ports that the lab keeps free for what tests serve (network.SERVED_PORTS).
"""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from staithe.lab import network
from tests.file_server import basic

_CHUNK_BYTES = 1 << 18
# 5000 is the registry, and some tests have the numbers just above it.
_FIRST_PORT = network.SERVED_PORTS[0] + 40


@dataclass(frozen=True)
class Request:
    """One request, when it has been answered or given up."""

    client: str
    path: str
    range: str | None
    status: int
    sent_bytes: int


@dataclass
class PackageServer:
    """What is served, how, and who asked for what. Patterns are regular expressions, searched in the path."""

    address: str
    root: Path
    port: int = 0
    login: str | None = None
    # {pattern: how many bytes of an answer come before the line is cut}
    cuts: dict[str, int] = field(default_factory=dict)
    # {pattern: how many bytes of an answer come before nothing more does, until `release`}
    stalls: dict[str, int] = field(default_factory=dict)
    # {pattern: the status that is answered}
    statuses: dict[str, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    # Set when an answer has been cut or has stalled.
    reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)
    connections: set[socket.socket] = field(default_factory=set)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def asked(self, pattern: str = "") -> list[Request]:
        """Return the requests whose path has the pattern in it."""
        return [one for one in self.requests if re.search(pattern, one.path)]

    def behave(self) -> None:
        """Forget every order to misbehave, and what was asked so far; let go of what stalls."""
        for orders in (self.cuts, self.stalls, self.statuses):
            orders.clear()
        self.release()
        self.requests.clear()
        self.reached.clear()
        self._released = threading.Event()

    def release(self) -> None:
        """Let go of the answers that stall: their lines are cut."""
        self._released.set()

    def vanish(self) -> None:
        """Close the port: connections are refused from now on, and those that stand are cut."""
        if self._server is not None and self._thread is not None:
            self.release()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            for connection in list(self.connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._server = self._thread = None

    def appear(self) -> None:
        """Listen, on the same port as before; the first time on one that is free."""
        served = self

        class Handler(_Handler):
            server_of = served

        for port in [self.port] if self.port else range(_FIRST_PORT, network.SERVED_PORTS[1] + 1):
            try:
                self._server = ThreadingHTTPServer((self.address, port), Handler)
            except OSError:
                continue
            break
        if self._server is None:
            raise RuntimeError(f"no port of {self.address} is free for packages")
        self._server.daemon_threads = True
        # Threads that stall must not hold up the end.
        self._server.block_on_close = False
        self.port = self._server.server_port
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def wait_for_release(self) -> None:
        self.reached.set()
        self._released.wait(300)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server_of: PackageServer

    def setup(self) -> None:
        super().setup()
        self.server_of.connections.add(self.connection)

    def finish(self) -> None:
        self.server_of.connections.discard(self.connection)
        with suppress(OSError):  # cut meanwhile
            super().finish()

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        status, sent = self._answer(path)
        self.server_of.requests.append(
            Request(str(self.client_address[0]), path, self.headers.get("Range"), status, sent)
        )

    def _answer(self, path: str) -> tuple[int, int]:
        served = self.server_of
        status = _ordered(served.statuses, path)
        if status is None and served.login and self.headers.get("Authorization") != basic(served.login):
            status = 401
        file = served.root / path.lstrip("/")
        if status is None and (".." in file.parts or not file.is_file()):
            status = 404
        if status is not None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return status, 0
        return self._send(path, file)

    def _send(self, path: str, file: Path) -> tuple[int, int]:
        size = file.stat().st_size
        start, end, status = 0, size, 200
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if match:
            start, end, status = int(match[1]), min(size, int(match[2] or size) + 1), 206
        self.send_response(status)
        if match:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        return status, 0 if self.command == "HEAD" else self._copy(path, file, start, end)

    def _copy(self, path: str, file: Path, start: int, end: int) -> int:
        cut, stall = _ordered(self.server_of.cuts, path), _ordered(self.server_of.stalls, path)
        limit = min(one for one in (cut, stall, end - start) if one is not None)
        sent = 0
        try:
            with file.open("rb") as content:
                content.seek(start)
                while sent < limit and (piece := content.read(min(_CHUNK_BYTES, limit - sent))):
                    self.wfile.write(piece)
                    sent += len(piece)
                self.wfile.flush()
        except OSError:
            self.close_connection = True
        if sent < end - start:
            self.close_connection = True
            if stall is not None:
                self.server_of.wait_for_release()
            self.server_of.reached.set()
        return sent


def _ordered(orders: dict[str, int], path: str) -> int | None:
    return next((value for pattern, value in orders.items() if re.search(pattern, path)), None)


@contextmanager
def package_server(address: str, root: Path) -> Iterator[PackageServer]:
    """Serve what is below `root` on the lab's bridge for the time of the block."""
    server = PackageServer(address, root)
    server.appear()
    try:
        yield server
    finally:
        server.vanish()


def publish(root: Path, repositories: dict[str, Path], files: list[Path]) -> None:
    """Lay out what a server serves: repositories by name (`el9/base`), and files (keys) beside them."""
    for name, folder in repositories.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(folder)
    for file in files:
        shutil.copy(file, root / file.name)
