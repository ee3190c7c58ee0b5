"""A line with a round trip: forwards TCP and holds every piece back for half of it, each way.

Order is kept and the rate is not limited: pieces wait side by side, each for its own time. Run as a program it serves
until its stdin closes:

    python -m tests.bench.delay_proxy RTT_MS ADDRESS:PORT ...      # prints the local ports, in that order
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_READ_BYTES = 1 << 18
_Piece = tuple[float, bytes]


class DelayProxy:
    """One listener on loopback for one target."""

    def __init__(self, address: str, port: int, round_trip_s: float) -> None:
        self._target = (address, port)
        self._one_way_s = round_trip_s / 2
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> int:
        """Begin to serve and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop, and drop the connections that are open."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there: asyncio.Queue[_Piece] = asyncio.Queue()
        back: asyncio.Queue[_Piece] = asyncio.Queue()
        # The handshake of TCP is answered by this machine at once, so its time is spent here: a client may send after
        # one round trip, and a server sees the connection half of one later.
        await asyncio.sleep(2 * self._one_way_s)
        taking = asyncio.ensure_future(self._take(reader, there))
        try:
            await asyncio.sleep(self._one_way_s)
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            for one in (writer, there_writer):
                one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.gather(_give(there, there_writer), self._take(there_reader, back), _give(back, writer))
        except (OSError, asyncio.CancelledError):
            # Cancelled by close(); asyncio would print a traceback for a connection that ends so.
            pass
        finally:
            taking.cancel()
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, pieces: asyncio.Queue[_Piece]) -> None:
        """Read one direction to its end, noting when each piece is due at the other side."""
        data = b"-"
        while data:
            try:
                data = await reader.read(_READ_BYTES)
            except OSError:
                data = b""
            pieces.put_nowait((time.monotonic() + self._one_way_s, data))


async def _give(pieces: asyncio.Queue[_Piece], writer: asyncio.StreamWriter) -> None:
    """Hand on what is due; an empty piece is the end."""
    with contextlib.suppress(OSError):
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(due - time.monotonic())
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _serve_all(round_trip_s: float, targets: Sequence[tuple[str, int]]) -> None:
    proxies = [DelayProxy(address, port, round_trip_s) for address, port in targets]
    print(json.dumps([await proxy.listen() for proxy in proxies]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for proxy in proxies:
        await proxy.close()


@contextmanager
def serving(round_trip_s: float, targets: Sequence[tuple[str, int]]) -> Iterator[list[int]]:
    """Serve `targets` in a process of their own meanwhile; gives the local ports."""
    words = [f"{address}:{port}" for address, port in targets]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.delay_proxy", str(round_trip_s * 1000), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)


if __name__ == "__main__":
    _targets = [(word.rpartition(":")[0], int(word.rpartition(":")[2])) for word in sys.argv[2:]]
    asyncio.run(_serve_all(float(sys.argv[1]) / 1000, _targets))
