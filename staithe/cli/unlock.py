"""`staithe unlock`: take the lock of hosts away from a run that does not let go."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from staithe.cli import options

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before ending another run's work.")]


def unlock(
    inventory: options.Inventory,
    yes: Yes = False,
    limit: options.Limit = None,
    parallel: options.Parallel = 0,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Show who holds the lock of each host, and take it away when you say so.

    Seldom needed: a lock goes with its run, and a minute after that run's last sign of life at the latest. What the
    other run has at work on the host is ended; the next apply sees what it left and mends it.
    """
    from staithe.run import Run

    without = f"staithe unlock {inventory} --yes"
    options.require_answer("unlock asks before it ends another run's work", without, yes=yes, as_json=as_json)
    run = Run(
        "unlock",
        inventory,
        shards=shards,
        as_json=as_json,
        deploy="deploys/unlock.py",
        ask=None if yes else lambda result: _ask(run, result),
        limit=limit or [],
        parallel=parallel,
        accept_new_host_keys=accept_new_host_keys,
    )
    result = run.go()
    if not as_json:
        for host in result.hosts:
            for change in host.changes:
                typer.echo(f"{host.host}: was {change.reason}")
    sys.exit(result.exit_code)


def _ask(run: object, result: object) -> bool:
    from staithe.result import RunResult

    assert isinstance(result, RunResult)
    held = [host for host in result.hosts if host.changes]
    for host in held:
        typer.echo(f"{host.host}: {host.changes[0].reason}")
    try:
        answer = input(f"End that on {len(held)} {'host' if len(held) == 1 else 'hosts'}? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")
