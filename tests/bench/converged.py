"""A run over hosts that need nothing, against the floor of the same connections."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tests.bench.site import Host, Site
from tests.bench.stopwatch import PYTHON, STAITHE, Lap, clock
from tests.bench.table import Row, Spread, Target, compared


@dataclass(frozen=True)
class Pairs:
    """Runs and floors, taken in turn."""

    count: int
    runs: tuple[Lap, ...]
    floors: tuple[Lap, ...]
    # Processor time of the hosts: what a run took from them above what the floor took.
    probe_cpu_s: Spread

    @property
    def wall(self) -> Spread:
        return Spread.of([lap.wall_s for lap in self.runs])

    @property
    def floor(self) -> Spread:
        return Spread.of([lap.wall_s for lap in self.floors])

    @property
    def peak_mib(self) -> float:
        return max(lap.peak_mib for lap in self.runs)


def measure(site: Site, hosts: list[Host], name: str, rounds: int) -> Pairs:
    """Take runs and floors in turn, one pair first that does not count."""
    inventory = site.write_inventory(name, hosts)
    real = sorted({host.name.partition("-")[0] for host in hosts})
    runs, floors, probes = [], [], []
    for number in range(rounds + 1):
        before = site.host_cpu_s(real)
        floor = clock([PYTHON, "-m", "tests.bench.floor", str(inventory.with_suffix(".json"))])
        between = site.host_cpu_s(real)
        run = clock([STAITHE, "apply", str(inventory), "--yes"])
        after = site.host_cpu_s(real)
        if "nothing to do" not in run.out or "changed" in run.out:
            raise RuntimeError(f"the hosts are not converged:\n{run.out[-2000:]}")
        if number:
            runs.append(run)
            floors.append(floor)
            probes.append((after - between) - (between - before))
    return Pairs(len(hosts), tuple(runs), tuple(floors), Spread.of(probes))


def aliases(site: Site, count: int, real: int) -> list[Host]:
    """Return `count` names that lead to the first `real` hosts of the lab."""
    hosts = site.hosts[:real]
    return [Host(f"{host.name}-{turn}", host.address) for turn in range(count) for host in hosts][:count]


def rows(site: Site, rounds: int, real: int) -> list[Row]:
    """Measure 1, 10 and 30 hosts, and 100 names of 30 hosts."""
    made: list[Row] = []
    taken: dict[int, Pairs] = {}
    for count in (1, 10, 30):
        pairs = measure(site, aliases(site, count, real), f"converged-{count}", rounds)
        taken[count] = pairs
        made += _rows_of(pairs)
    hundred = measure(site, aliases(site, 100, real), "converged-100", max(3, rounds // 2))
    return [
        *made,
        _further_cpu(taken[1], taken[30]),
        *_rows_of(hundred),
        _further_time(taken[10], taken[30], hundred),
    ]


def _rows_of(pairs: Pairs) -> list[Row]:
    what = f"converged apply, {pairs.count} host{'s' * (pairs.count > 1)}"
    # The hosts' probes run on this machine's cores, all of which they can use.
    probe_s = pairs.probe_cpu_s.median / (os.cpu_count() or 1) if pairs.count > 1 else pairs.probe_cpu_s.median
    ratio = pairs.wall.median / (pairs.floor.median + probe_s)
    floor = f"{pairs.floor.text('s')} + probes {probe_s:.2f} s"
    cpu = Spread.of([lap.cpu_s * 1000 / pairs.count for lap in pairs.runs])
    floor_cpu = Spread.of([lap.cpu_s * 1000 / pairs.count for lap in pairs.floors])
    return [
        compared(what, pairs.wall.text("s"), floor, ratio, at_most=1.6)
        if pairs.count == 30
        else Row(what, pairs.wall.text("s"), floor, f"{ratio:.2f}"),
        Row("- controller CPU per host, start included", cpu.text("ms", 0), floor_cpu.text("ms", 0)),
        Row("- probe CPU per host, on the host", f"{pairs.probe_cpu_s.median * 1000 / pairs.count:.0f} ms"),
        Row("- memory of the larger process", f"{pairs.peak_mib:.0f} MiB", f"{_floor_peak(pairs):.0f} MiB"),
    ]


def _floor_peak(pairs: Pairs) -> float:
    return max(lap.peak_mib for lap in pairs.floors)


def _further_cpu(one: Pairs, thirty: Pairs) -> Row:
    """Return what each further host costs the controller, its start left out."""

    def slope(few: tuple[Lap, ...], many: tuple[Lap, ...]) -> float:
        low, high = (Spread.of([lap.cpu_s for lap in laps]).median for laps in (few, many))
        return (high - low) * 1000 / (thirty.count - one.count)

    run, floor = slope(one.runs, thirty.runs), slope(one.floors, thirty.floors)
    what = "controller CPU of each further host, 1 to 30"
    return Row(what, f"{run:.1f} ms", f"{floor:.1f} ms", f"{run / floor:.2f}", Target(run, at_most=25, unit="ms"))


def _further_time(ten: Pairs, thirty: Pairs, hundred: Pairs) -> Row:
    """Compare what a further host costs above 30 with what it costs below: no more where the run is linear."""

    def slope(low: Pairs, high: Pairs) -> tuple[float, float]:
        hosts = high.count - low.count
        return (high.wall.median - low.wall.median) / hosts, (high.peak_mib - low.peak_mib) / hosts

    low, low_mib = slope(ten, thirty)
    high, high_mib = slope(thirty, hundred)
    above, below = f"{high * 1000:.0f} ms, {high_mib:.2f} MiB", f"{low * 1000:.0f} ms, {low_mib:.2f} MiB"
    return compared("each further host, 30 to 100 against 10 to 30", above, below, high / low, at_most=1.25)
