"""Where the records of runs are."""

from __future__ import annotations

import os
from pathlib import Path


def runs_folder() -> Path:
    """Return the folder of all runs: $STAITHE_RUNS, or .staithe/runs in the folder that staithe is called in."""
    return Path(os.environ.get("STAITHE_RUNS") or ".staithe/runs")
