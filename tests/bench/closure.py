"""What the closure of docker-ce costs among 20,000 packages of 150 files each, in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import Random

from tests.bench.stopwatch import PYTHON, Lap, clock
from tests.bench.table import Row, Spread, Target
from tests.rpm_repositories import Repo, Rpm

PACKAGES = 20_000
FILES = 150
WHAT = f"closure of docker-ce, {PACKAGES:,} packages of {FILES} files"

# Prints how many packages it found, and the peak of its memory: resident, and beside it the unpacked file that
# libsolv reads, which lies in memory without being mapped.
_RESOLVE = """
import resource, sys
from pathlib import Path
from staithe.rpm.closure import Request
from staithe.rpm.repository import Repository
from staithe.rpm.solver import resolve
repository = Repository.in_folder("r0", Path(sys.argv[1]))
found = resolve(Request(("docker-ce",), "x86_64", "platform:el9"), [repository])
unpacked = max(entry.open_size_bytes for entry in repository.repomd.entries)
print(len(found.packages), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + unpacked / 2**20)
"""
_FLOOR = """
import gzip, sys
from pathlib import Path
for path in Path(sys.argv[1]).glob("repodata/*.gz"):
    with gzip.open(path) as stream:
        while stream.read(1 << 20):
            pass
"""


def rows(folder: Path, rounds: int) -> list[Row]:
    """Measure time and memory; the floor unpacks the same metadata and does nothing with them."""
    root = folder / "closure" / "r0"
    # In a process of its own: what this one has held at its peak would count for its children.
    clock([PYTHON, "-m", "tests.bench.closure", str(root.parent)], folder=Path(__file__).parents[2])
    laps: list[Lap] = []
    floors: list[Lap] = []
    for _ in range(rounds):
        for kept, program in ((floors, _FLOOR), (laps, _RESOLVE)):
            _forget(root)
            kept.append(clock([PYTHON, "-c", program, str(root)]))
    wall = Spread.of([lap.wall_s for lap in laps])
    cpu = Spread.of([lap.cpu_s for lap in laps])
    memory = Spread.of([float(lap.out.split()[1]) for lap in laps])
    found = laps[0].out.split()[0]
    return [
        Row(
            WHAT,
            f"{wall.text('s')}, {cpu.median:.2f} s CPU, {found} found",
            f"unpacking {Spread.of([lap.wall_s for lap in floors]).text('s')}",
            target=Target(wall.median, at_most=4, unit="s"),
        ),
        Row(
            "- memory, unpacked file included",
            memory.text("MiB", 0),
            target=Target(memory.median, at_most=572, unit="MiB"),
        ),
    ]


def write(folder: Path) -> None:
    """Write the repository: layers of libraries, of which each package needs some from the layers below."""
    if (folder / "r0").exists():
        return
    random = Random(20_000)
    rpms = []
    for number in range(PACKAGES):
        name = f"package-{number:05}"
        below = range(max(0, number - 3000), number)
        needs = [f"lib{one}.so.1()(64bit)" for one in random.sample(below, min(len(below), 8))]
        if number % 20 == 0 and number:
            needs.append(_file(random.choice(below), 7))
        rpms.append(
            Rpm(
                name,
                f"{number % 9}.{number % 7}-1.el9",
                provides=[f"lib{number}.so.1()(64bit)", f"{name}(x86-64) = {number % 9}.{number % 7}-1.el9"],
                requires=needs,
                files=[_file(number, one) for one in range(FILES)],
            )
        )
    chosen = [f"lib{one}.so.1()(64bit)" for one in random.sample(range(300), 20)]
    rpms.append(Rpm("docker-ce", "3:28.5.2-1.el9", requires=[*chosen, _file(100, 9)]))
    Repo("r0", rpms).write(folder)


def _file(package: int, number: int) -> str:
    return f"/usr/share/package-{package:05}/part-{number // 20:02}/file-{number:03}-{(package * 7919) % 65536:04x}"


def _forget(root: Path) -> None:
    """Let the kernel forget the files, so that each lap reads them from the disk."""
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
