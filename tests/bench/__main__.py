"""`python -m tests.bench`: measure everything, print one table; exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import building, closure, converged, packages, provision, relay, round_trips, site, startup, transfer
from tests.bench.table import Row, markdown

HOSTS = 30


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="Pairs of a figure and its floor, taken in turn.")
    parser.add_argument(
        "--only",
        action="append",
        choices=[
            "closure",
            "building",
            "startup",
            "converged",
            "round_trips",
            "provision",
            "transfer",
            "relay",
            "packages",
        ],
        help="Only this part; may be given several times.",
    )
    parser.add_argument("--folder", type=Path, help="Keep the folder and the lab, for another call.")
    options = parser.parse_args()
    # As an installed package has it: otherwise staithe's own files, and no others, are compiled at each start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="staithe-bench-") as made:
        folder = options.folder or Path(made)
        folder.mkdir(exist_ok=True)
        rows: list[Row] = []
        try:
            for part in _measure(folder, options.rounds, options.only):
                rows += part
        finally:
            if not options.folder:
                site.close_site()
            # What was measured before something failed, too.
            _print(rows)
    return 1 if any(row.missed for row in rows) else 0


def _print(rows: list[Row]) -> None:
    print(markdown(rows))
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(
        f"\n{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}, load at the end {load}"
    )


def _measure(folder: Path, rounds: int, only: list[str] | None) -> Iterator[list[Row]]:
    if only is None or "closure" in only:
        print("measuring closure", file=sys.stderr)
        yield closure.rows(folder, rounds)
    if only is None or "building" in only:
        print("measuring building", file=sys.stderr)
        yield building.rows(folder, rounds)
    if only is not None and set(only) <= {"closure", "building"}:
        return  # needs no host
    if only == ["packages"]:
        print("measuring packages", file=sys.stderr)
        yield packages.rows(site.open_lab(folder, max(packages.COUNTS)), rounds)
        return
    # One more than is measured as converged: the last is provisioned again and again.
    print(f"booting {HOSTS + 1} hosts and bringing them to the bundle", file=sys.stderr)
    here = site.open_site(folder, HOSTS + 1)
    parts: dict[str, Callable[[], list[Row]]] = {
        "startup": lambda: startup.rows(here, rounds),
        "converged": lambda: converged.rows(here, rounds, HOSTS),
        "round_trips": lambda: round_trips.rows(here, rounds),
        "provision": lambda: provision.rows(here, rounds, here.hosts[HOSTS].name),
        "transfer": lambda: transfer.rows(here, rounds),
        "relay": lambda: relay.rows(here, rounds),
        "packages": lambda: packages.rows(here, rounds),
    }
    for name, measure in parts.items():
        if only is None or name in only:
            print(f"measuring {name}", file=sys.stderr)
            yield measure()


if __name__ == "__main__":
    sys.exit(main())
