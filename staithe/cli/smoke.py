"""`staithe smoke`: prove engines by running containers."""

from __future__ import annotations

import sys

from staithe.cli import options


def smoke(
    inventory: options.Inventory,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = None,
    parallel: options.Parallel = 0,
    settings: options.Settings = None,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Run the smoke containers on each host and say of each check what it did, expected and saw.

    Leaves nothing behind. A check that cannot be made is skipped and says so; it is never green.
    """
    from staithe.run import Run

    run = Run(
        "smoke",
        inventory,
        shards=shards,
        as_json=as_json,
        deploy="deploys/smoke.py",
        limit=limit or [],
        hosts=options.read_retry(retry_failed, "smoke", as_json=as_json),
        parallel=parallel,
        settings=options.read_settings(settings, None),
        accept_new_host_keys=accept_new_host_keys,
    )
    sys.exit(run.go().exit_code)
