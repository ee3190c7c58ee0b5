"""An HTTP server on loopback that serves bytes, with ranges, and misbehaves as it is told."""

from __future__ import annotations

import base64
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class FileServer:
    """What is served, how, and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    # {path: byte at which each answer ends, once each}
    cuts: dict[str, list[int]] = field(default_factory=dict)
    # {path: statuses that the next answers have}
    statuses: dict[str, list[int]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    login: str | None = None
    # As a proxy: then requests name whole addresses, and so do `files`.
    proxy_login: str | None = None
    # None: as fast as it goes.
    pace_bytes_per_s: int | None = None
    # Paths of which two bytes come each second.
    trickling: set[str] = field(default_factory=set)
    url: str = ""
    # (path, Range header, bytes sent)
    requests: list[tuple[str, str | None, int]] = field(default_factory=list)

    # Requests that are being answered.
    answering: set[int] = field(default_factory=set)
    # Authorization headers, one for each request.
    logins: list[str | None] = field(default_factory=list)

    def publish(self, folder: Path) -> None:
        """Serve what is in a folder now."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        self.files = {f"/{path.relative_to(folder)}": path.read_bytes() for path in files}

    @property
    def sent_bytes(self) -> int:
        """How much was sent; who has read the last byte may be here before the one who sent it has counted."""
        end = time.monotonic() + 5
        while self.answering and time.monotonic() < end:
            time.sleep(0.01)
        return sum(count for _path, _range, count in self.requests)


@contextmanager
def file_server(context: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Run a server for the time of the block; with a `context` over TLS, as localhost."""
    served = FileServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            answer(self, served)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        served.url = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(request: BaseHTTPRequestHandler, served: FileServer) -> None:
    path, asked = request.path, request.headers.get("Range")
    served.logins.append(request.headers.get("Authorization"))
    if served.proxy_login is not None and request.headers.get("Proxy-Authorization") != basic(served.proxy_login):
        refuse(request, 407)
        return
    status = served.statuses.get(path) or []
    wanted = basic(served.login) if served.login else None
    if status:
        refuse(request, status.pop(0))
    elif path in served.redirects:
        request.send_response(302)
        request.send_header("Location", served.redirects[path])
        request.send_header("Content-Length", "0")
        request.end_headers()
    elif wanted is not None and request.headers.get("Authorization") != wanted:
        refuse(request, 401)
    elif path not in served.files:
        refuse(request, 404)
    else:
        send(request, served, path, asked)


def basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def send(request: BaseHTTPRequestHandler, served: FileServer, path: str, asked: str | None) -> None:
    content = served.files[path]
    start, end = 0, len(content)
    if asked and served.ranges:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
        assert match is not None, asked
        start, end = int(match[1]), min(end, int(match[2] or end) + 1)
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
    else:
        request.send_response(200)
    request.send_header("Content-Length", str(end - start))
    request.end_headers()
    cuts = served.cuts.get(path)
    stop = cuts.pop(0) if cuts else end
    part = content[start : min(stop, end)]
    pace = 2 if path in served.trickling else served.pace_bytes_per_s
    step = len(part) or 1 if pace is None else min(1 << 18, pace)
    sent = 0
    served.answering.add(id(request))
    try:
        for at in range(0, len(part), step):
            request.wfile.write(part[at : at + step])
            request.wfile.flush()
            sent += len(part[at : at + step])
            if pace is not None:
                time.sleep(step / pace)
    except OSError:
        request.close_connection = True
    served.requests.append((path, asked, sent))
    served.answering.discard(id(request))
    if stop < end:
        request.close_connection = True


def refuse(request: BaseHTTPRequestHandler, status: int) -> None:
    request.send_response(status)
    request.send_header("Content-Length", "0")
    request.end_headers()
