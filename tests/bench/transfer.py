"""A blob to one host and to eight, against `cat | ssh` with the same cipher."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.site import Site
from tests.bench.stopwatch import PYTHON, clock
from tests.bench.table import Row, Spread, compared

_MIB = 1 << 20
# Fewer for eight: what a lab host keeps lies on this machine's disk.
_SIZES_MIB = {1: 256, 8: 64}
_FILE = "/var/lib/by-hand"


@dataclass
class _Rates:
    """MiB/s of all hosts together, by who sends."""

    plain: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)


def rows(site: Site, rounds: int) -> list[Row]:
    """Measure `cat` and staithe."""
    made = []
    for count, size_mib in _SIZES_MIB.items():
        rates = _measure(site, count, size_mib, rounds)
        label = f"blob of {size_mib} MiB to {count} host{'s' * (count > 1)}"
        made.append(_row(label, rates.sent, "cat | ssh", rates.plain))
    return made


def _row(label: str, rate: list[float], what: str, floor: list[float]) -> Row:
    mine, other = Spread.of(rate), Spread.of(floor)
    text = f"{what} {other.text('MiB/s', 0)}"
    return compared(label, mine.text("MiB/s", 0), text, mine.median / other.median, at_least=0.9)


def _measure(site: Site, count: int, size_mib: int, rounds: int) -> _Rates:
    blob = random_file(site.folder / f"blob-{size_mib}", size_mib)
    hosts = site.hosts[:count]
    names = [host.name for host in hosts]
    targets = str(site.write_inventory(f"transfer-{count}", hosts).with_suffix(".json"))
    sender = [PYTHON, "-m", "tests.bench.sender", targets, str(blob)]
    rates = _Rates()
    for number in range(rounds + 1):
        laps = (
            (rates.sent, float(clock(sender).out)),
            (rates.plain, _cat(site, names, blob, f"cat > {_FILE}")),
        )
        for name in names:
            clock(site.ssh(name, f"sudo rm -rf {_FILE} /var/lib/staithe/blobs/sha256"))
        if number:
            for kept, lap in laps:
                kept.append(count * size_mib / lap)
    return rates


def random_file(path: Path, size_mib: int) -> Path:
    """Write what no compression makes smaller."""
    if not path.exists():
        with path.open("wb") as file:
            for _ in range(size_mib):
                file.write(os.urandom(_MIB))
    return path


def _cat(site: Site, names: list[str], blob: Path, script: str) -> float:
    """Send the file with one ssh for each host, all at once."""
    began = time.monotonic()
    processes = []
    for name in names:
        with blob.open("rb") as file:
            command = site.ssh(name, f"sudo -n sh -c '{script}'")
            processes.append(subprocess.Popen(command, stdin=file, stdout=subprocess.DEVNULL))
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError(f"cat | ssh failed: {codes}")
    return time.monotonic() - began
