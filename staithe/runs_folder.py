"""Where the records of runs are, and what else staithe remembers on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def runs_folder() -> Path:
    """Return the folder of all runs: $STAITHE_RUNS, or .staithe/runs in the folder that staithe is called in."""
    return Path(os.environ.get("STAITHE_RUNS") or ".staithe/runs")


def memory_folder() -> Path:
    """Return the folder of what outlives runs: that of the runs' folder, or $STAITHE_RUNS itself."""
    given = os.environ.get("STAITHE_RUNS")
    return Path(given) if given else Path(".staithe")
