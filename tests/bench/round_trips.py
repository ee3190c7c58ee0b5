"""A converged run over a line with a round trip."""

from __future__ import annotations

import socket
import threading
import time

from tests.bench.delay_proxy import serving
from tests.bench.site import Host, Site
from tests.bench.stopwatch import PYTHON, STAITHE, clock
from tests.bench.table import Row, Spread, Target

ROUND_TRIPS_MS = (20, 200)


def rows(site: Site, rounds: int) -> list[Row]:
    """Measure one host behind 20 and behind 200 ms."""
    made = []
    host = site.hosts[0]
    for round_trip_ms in ROUND_TRIPS_MS:
        round_trip_s = round_trip_ms / 1000
        with serving(round_trip_s, [(host.address, host.port)]) as (port,):
            inventory = site.write_inventory(f"far-{round_trip_ms}", [Host(host.name, "127.0.0.1", port)])
            runs, floors = [], []
            for number in range(rounds + 1):
                floor = clock(
                    [PYTHON, "-m", "tests.bench.floor", str(inventory.with_suffix(".json")), "--connect-only"]
                )
                run = clock([STAITHE, "apply", str(inventory), "--yes"])
                if number:
                    runs.append(run.wall_s)
                    floors.append(floor.wall_s)
        wall, floor_wall = Spread.of(runs), Spread.of(floors)
        bound = floor_wall.median + 2 * round_trip_s + 0.3
        made.append(
            Row(
                f"converged apply, 1 host, {round_trip_ms} ms round trip",
                wall.text("s"),
                f"connect {floor_wall.text('s')}",
                f"{wall.median / bound:.2f}",
                Target(wall.median, at_most=round(bound, 2), unit="s"),
            )
        )
    made.append(Row("- the line itself, an echo of one byte", ", ".join(_echo(ms) for ms in ROUND_TRIPS_MS)))
    return made


def _echo(round_trip_ms: int, times: int = 10) -> str:
    """Measure the line with a plain socket: one byte there and back."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(64):
                connection.sendall(data)

    threading.Thread(target=answer, daemon=True).start()
    laps = []
    with (
        server,
        serving(round_trip_ms / 1000, [server.getsockname()]) as (port,),
        socket.create_connection(("127.0.0.1", port)) as line,
    ):
        for number in range(times + 1):
            began = time.monotonic()
            line.sendall(b"x")
            line.recv(64)
            # The first one carries the connection's own round trip.
            if number:
                laps.append((time.monotonic() - began) * 1000)
    return Spread.of(laps).text("ms", 1)
