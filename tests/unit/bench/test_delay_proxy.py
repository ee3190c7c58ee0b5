"""The line with a round trip: keeps every byte, in order, and takes its time."""

from __future__ import annotations

import os
import socket
import threading
import time

from tests.bench.delay_proxy import serving

ROUND_TRIP_S = 0.2


def _server(answer: bool) -> tuple[socket.socket, list[bytes]]:
    """Serve one connection: echo it, or keep what comes until its end and answer with one word."""
    server = socket.create_server(("127.0.0.1", 0))
    kept: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(65536):
                kept.append(data)
                if answer:
                    connection.sendall(data)
            if not answer:
                connection.sendall(b"got it")

    threading.Thread(target=serve, daemon=True).start()
    return server, kept


def test_a_byte_takes_a_round_trip() -> None:
    server, _ = _server(answer=True)
    with (
        server,
        serving(ROUND_TRIP_S, [server.getsockname()]) as (port,),
        socket.create_connection(("127.0.0.1", port)) as line,
    ):
        laps = []
        for _ in range(3):
            began = time.monotonic()
            line.sendall(b"x")
            assert line.recv(1) == b"x"
            laps.append(time.monotonic() - began)
    # The first one waits for the handshake too, another round trip.
    assert laps[0] > 1.9 * ROUND_TRIP_S
    assert ROUND_TRIP_S <= min(laps[1:]) < 1.5 * ROUND_TRIP_S


def test_bytes_arrive_whole_and_in_order_and_the_end_too() -> None:
    server, kept = _server(answer=False)
    data = os.urandom(3_000_001)
    with (
        server,
        serving(ROUND_TRIP_S, [server.getsockname()]) as (port,),
        socket.create_connection(("127.0.0.1", port)) as line,
    ):
        began = time.monotonic()
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        assert line.recv(100) == b"got it"
        # Pieces wait side by side: the whole costs one delay, not one for each piece.
        assert time.monotonic() - began < 10 * ROUND_TRIP_S
        assert line.recv(100) == b""
    assert b"".join(kept) == data
