"""`staithe rollback`: bring hosts back to a generation that they keep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli import options

if TYPE_CHECKING:
    from staithe.run import Run

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing hosts.")]
To = Annotated[
    int | None,
    typer.Option("--to", min=1, metavar="N", help="This generation; without it the one that was applied before."),
]


def rollback(
    inventory: options.Inventory,
    to: To = None,
    yes: Yes = False,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = None,
    parallel: options.Parallel = 0,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Bring hosts back to the generation before the present one, from what they keep: no network is needed.

    The plan's first line says which generation that is: number, engine and time. What comes back gets a new number
    ("3 (as 1)" in staithe history), and what was left stays: --to with its number goes forward again. Without --to
    the way leads back only; where nothing before is kept, the host is refused.

    Programs or packages, units, daemon.json and kernel settings come back; images, containers and volumes stay.
    When the engine does not become healthy, the host stays as it is. The inventory still describes what was left:
    change it too, or the next apply goes forward again.

    Exit codes: 0 done, 1 a host failed, 2 wrong usage, 4 a host was refused, 130 interrupted.
    """
    from staithe.run import Run

    options.require_answer(
        "rollback asks before it changes hosts", f"staithe rollback {inventory} --yes", yes=yes, as_json=as_json
    )
    run = Run(
        "rollback",
        inventory,
        shards=shards,
        as_json=as_json,
        deploy="deploys/rollback.py",
        generation=to,
        ask=None if yes else lambda result: _ask(run),
        limit=limit or [],
        hosts=options.read_retry(retry_failed, "rollback", as_json=as_json),
        parallel=parallel,
        accept_new_host_keys=accept_new_host_keys,
    )
    result = run.go()
    if not as_json and any(host.outcome == "changed" for host in result.hosts):
        run.console.print(
            f"prove it: staithe smoke {inventory}   # and correct the inventory: it describes what was left",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    sys.exit(result.exit_code)


def _ask(run: Run) -> bool:
    from staithe.report.plan import print_plan

    hosts = [host for host in run.result.hosts if host.changes]
    print_plan(run.console, hosts)
    count = f"{len(hosts)} {'host' if len(hosts) == 1 else 'hosts'}"
    try:
        return input(f"Bring {count} back? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
