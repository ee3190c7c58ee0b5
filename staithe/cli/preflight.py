"""`staithe preflight`: can these hosts carry what is described?"""

from __future__ import annotations

import sys

from staithe.cli import options


def preflight(
    inventory: options.Inventory,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = None,
    parallel: options.Parallel = 0,
    settings: options.Settings = None,
    bundle: options.Bundle = None,
    allow_older: options.AllowOlder = False,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Check that each host can carry what is described; list all problems of each. Changes nothing.

    Exit codes: 0 all can, 4 a host is refused, 1 a host cannot be asked.
    """
    from staithe.run import Run

    run = Run(
        "preflight",
        inventory,
        shards=shards,
        as_json=as_json,
        limit=limit or [],
        hosts=options.read_retry(retry_failed, "preflight", as_json=as_json),
        parallel=parallel,
        settings=options.read_settings(settings, bundle, allow_older=allow_older),
        accept_new_host_keys=accept_new_host_keys,
    )
    result = run.go()
    fit = [host.host for host in result.hosts if host.summary and not host.problems and not host.error]
    if fit and not as_json:
        run.console.print(f"can carry it: {', '.join(fit)}", style="green", markup=False)
    sys.exit(result.exit_code)
