"""`staithe apply`: bring hosts to what is described, and prove it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli import options

if TYPE_CHECKING:
    from staithe.run import Run

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing hosts.")]


def apply(
    inventory: options.Inventory,
    yes: Yes = False,
    limit: options.Limit = None,
    parallel: options.Parallel = 0,
    settings: options.Settings = None,
    bundle: options.Bundle = None,
    deep: options.Deep = False,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Bring hosts to what is described, and prove it by running containers.

    Shows the plan and asks, unless --yes. A host that is as described is left alone; a host that fails, is refused
    or cannot be reached does not stop the others.

    Exit codes: 0 done or nothing to do, 1 a host failed, 2 wrong usage or configuration, 4 preflight refused a host,
    5 the bundle is wrong, 130 interrupted.
    """
    from staithe import early_runner
    from staithe.errors import UsageError

    if not yes and (as_json or sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError(
            "apply asks before it changes hosts, and here is nobody to ask", hint=f"staithe apply {inventory} --yes"
        )
    early_runner.start()
    from staithe.run import Run

    run = Run(
        "apply",
        inventory,
        shards=shards,
        as_json=as_json,
        ask=None if yes else lambda result: _ask(run, result),
        limit=limit or [],
        parallel=parallel,
        settings=options.read_settings(settings, bundle),
        deep=deep,
        accept_new_host_keys=accept_new_host_keys,
    )
    sys.exit(run.go().exit_code)


def _ask(run: Run, result: object) -> bool:
    from staithe.report.plan import print_plan
    from staithe.report.terminal import print_problems

    print_plan(run.console, run.result.hosts)
    for host in run.result.hosts:
        if host.problems:
            print_problems(run.console, host.host, host.problems)
    count = sum(1 for host in run.result.hosts if host.changes)
    try:
        answer = input(f"Change {count} {'host' if count == 1 else 'hosts'}? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")
