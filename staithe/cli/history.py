"""`staithe history`: what was applied to hosts, and when."""

from __future__ import annotations

import sys

from staithe.cli import options


def history(
    inventory: options.Inventory,
    limit: options.Limit = None,
    parallel: options.Parallel = 0,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """List the generations of each host: what was applied when, and which of them `staithe rollback` can bring back.

    Exit codes: 0 done, 1 a host failed, 2 wrong usage, 130 interrupted.
    """
    from staithe.run import Run

    run = Run(
        "history",
        inventory,
        limit=limit or [],
        parallel=parallel,
        accept_new_host_keys=accept_new_host_keys,
        shards=shards,
        as_json=as_json,
    )
    result = run.go(show_summary=False)
    if not as_json:
        from staithe.report.history import print_history

        print_history(run.console, result.hosts)
    sys.exit(result.exit_code)
