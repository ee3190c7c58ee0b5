"""`staithe plan`: what apply would change, and why."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli import options

if TYPE_CHECKING:
    from staithe.run import Run

Check = Annotated[bool, typer.Option("--check", help="Exit with 3 when something would change.")]


Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="Save the plan; `staithe apply --plan FILE` does this and nothing else."
    ),
]


class Diff(StrEnum):
    """Which texts of files are shown."""

    none = "none"
    changes = "changes"
    all = "all"


DiffOption = Annotated[
    Diff, typer.Option("--diff", help="Texts of files: none; of changed and short new ones; all, long new ones too.")
]


def plan(
    inventory: options.Inventory,
    check: Check = False,
    diff: DiffOption = Diff.changes,
    out: Out = None,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = None,
    parallel: options.Parallel = 0,
    settings: options.Settings = None,
    bundle: options.Bundle = None,
    allow_older: options.AllowOlder = False,
    deep: options.Deep = False,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Show what apply would change on each host, why, and what it means for the engine and its containers.

    Asks each host one thing, the probe, and changes nothing.
    """
    from staithe.run import Run

    given = options.read_settings(settings, bundle, allow_older=allow_older)
    salt = ""
    if out is not None:
        # Loaded late: it takes a tenth of the time that --help has.
        import secrets

        from staithe.saved_plan import check_place, check_settings

        check_place(out)
        check_settings(given)
        salt = secrets.token_hex(16)
    run = Run(
        "plan",
        inventory,
        shards=shards,
        as_json=as_json,
        limit=limit or [],
        hosts=options.read_retry(retry_failed, "plan", as_json=as_json),
        parallel=parallel,
        settings=given,
        deep=deep,
        salt=salt,
        accept_new_host_keys=accept_new_host_keys,
    )
    code = run.go(check=check, show_plan=not as_json, diffs=diff.value).exit_code
    if out is not None:
        _save(run, out)
    sys.exit(code)


def _save(run: Run, out: Path) -> None:
    from staithe import __version__
    from staithe.saved_plan import SavedPlan, saved_hosts, write_saved_plan

    hosts = saved_hosts(run.result.hosts, run.bases)
    left_out = [host.host for host in run.result.hosts if host.host not in hosts]
    if not hosts:
        run.console.print("nothing is saved: no host could be planned")
        return
    start = run.start
    saved = SavedPlan(
        staithe_version=__version__,
        run_id=start.run_id,
        inventory=start.inventory,
        limit=start.limit,
        only=start.hosts,
        settings=start.settings,
        deep=start.deep,
        salt=start.salt,
        hosts=hosts,
    )
    write_saved_plan(out, saved)
    if left_out:
        text = f"not in {out}: {', '.join(left_out[:12])}" + (
            f" and {len(left_out) - 12} more" if left_out[12:] else ""
        )
        run.console.print(text, highlight=False, markup=False, soft_wrap=True)
    text = f"saved in {out}; carry it out with: staithe apply --plan {out}"
    run.console.print(text, highlight=False, markup=False, soft_wrap=True)
