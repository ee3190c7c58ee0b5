"""What the command line costs before any host is asked."""

from __future__ import annotations

from tests.bench.site import Site
from tests.bench.stopwatch import PYTHON, STAITHE, Lap, clock
from tests.bench.table import Row, Spread, Target


def rows(site: Site, rounds: int) -> list[Row]:
    """Measure `--help`, and `plan` up to the first connection."""
    inventory = site.write_inventory("start", site.hosts[:1])
    bare: list[Lap] = []
    shown: list[Lap] = []
    started: list[Lap] = []
    for number in range(2 * rounds + 1):
        laps = (
            clock([PYTHON, "-c", "pass"]),
            clock([STAITHE, "--help"]),
            # Both processes start, the inventory is read, and then there is no such host: exit code 2.
            clock([STAITHE, "plan", str(inventory), "--limit", "nobody"], codes=(2,)),
        )
        if number:
            for kept, lap in zip((bare, shown, started), laps, strict=True):
                kept.append(lap)
    python = Spread.of([lap.wall_s for lap in bare]).text("s")
    helped = Spread.of([lap.wall_s for lap in shown])
    cpu = Spread.of([lap.cpu_s for lap in started]).text("s CPU")
    return [
        Row("--help", helped.text("s"), f"python {python}", target=Target(helped.median, at_most=0.15, unit="s")),
        Row("plan until the first connection", Spread.of([lap.wall_s for lap in started]).text("s"), cpu),
    ]
