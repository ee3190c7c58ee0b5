"""`staithe plan`: what apply would change, and why."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from staithe.cli import options

Check = Annotated[bool, typer.Option("--check", help="Exit with 3 when something would change.")]


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
    limit: options.Limit = None,
    parallel: options.Parallel = 0,
    settings: options.Settings = None,
    bundle: options.Bundle = None,
    deep: options.Deep = False,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Show what apply would change on each host, why, and what it means for the engine and its containers.

    Asks each host one thing, the probe, and changes nothing.
    """
    from staithe import early_runner

    early_runner.start()
    from staithe.run import Run

    run = Run(
        "plan",
        inventory,
        shards=shards,
        as_json=as_json,
        limit=limit or [],
        parallel=parallel,
        settings=options.read_settings(settings, bundle),
        deep=deep,
        accept_new_host_keys=accept_new_host_keys,
    )
    sys.exit(run.go(check=check, show_plan=not as_json, diffs=diff.value).exit_code)
