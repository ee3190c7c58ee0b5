"""Which hosts of an earlier run are to be tried again."""

from __future__ import annotations

from pathlib import Path

from staithe.errors import UsageError
from staithe.result import Mode, RunResult
from staithe.runs import events_of, find_run, latest_run

# What `last` means: a plan or a preflight is looked at before the apply that failed is tried again.
_LAST: dict[Mode, tuple[Mode, ...]] = {
    "apply": ("apply",),
    "plan": ("apply",),
    "preflight": ("apply", "preflight"),
    "smoke": ("apply", "smoke"),
    "remove": ("remove",),
}


def run_to_retry(named: str, mode: Mode) -> Path:
    """Return the folder of the run named by its id, its beginning, or `last`; raise ProjectError."""
    return latest_run(_LAST[mode]) if named == "last" else find_run(named)


def hosts_to_retry(run: Path) -> list[str]:
    """Return the hosts of a run that failed, were refused, stopped or never reached, in its order.

    Works from the events, so also for a run that was killed: a host whose end is not told counts.
    """
    result = RunResult(run_id=run.name, mode="apply")
    for event in events_of(run):
        result.take(event)
    if not result.hosts:
        raise UsageError(
            f"run {run.name} ended before it knew its hosts", where=str(run), hint="the same command, without it"
        )
    return result.to_retry()
