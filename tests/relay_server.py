"""Starts a relay's script for each connection, as systemd does with Accept=yes."""

from __future__ import annotations

import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(home: Path, shell: list[str], peer: str | None = "127.0.0.1") -> Iterator[int]:
    """Serve the folder on a port of this machine; `peer` is what the script is told of who asks."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            env = {key: value for key, value in os.environ.items() if key != "REMOTE_ADDR"}
            if peer is not None:
                env["REMOTE_ADDR"] = peer
            command = [*shell, str(home / "serve"), str(home)]
            subprocess.run(
                command, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL, env=env, cwd=home
            )

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
