"""`staithe status`: the fleet in one table."""

from __future__ import annotations

import sys

from staithe.cli import options


def status(
    inventory: options.Inventory,
    limit: options.Limit = None,
    parallel: options.Parallel = 0,
    settings: options.Settings = None,
    bundle: options.Bundle = None,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Show each host's engine, where it came from, its drivers, its health, and its drift from what is described."""
    from staithe.report.status import print_status
    from staithe.run import Run

    run = Run(
        "plan",
        inventory,
        shards=shards,
        as_json=as_json,
        limit=limit or [],
        parallel=parallel,
        settings=options.read_settings(settings, bundle),
        accept_new_host_keys=accept_new_host_keys,
    )
    result = run.go(show_summary=False)
    if not as_json:
        print_status(run.console, result)
    sys.exit(result.exit_code)
