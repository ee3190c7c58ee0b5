"""`staithe remove`: leave hosts as they were before."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli import options

if TYPE_CHECKING:
    from staithe.run import Run

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; with --purge-data too.")]
PurgeData = Annotated[
    bool,
    typer.Option(
        "--purge-data",
        help="Take the engine's data too: all images, containers and VOLUMES. Asks for each host's name.",
    ),
]


def remove(
    inventory: options.Inventory,
    purge_data: PurgeData = False,
    yes: Yes = False,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = None,
    parallel: options.Parallel = 0,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Take away from hosts what staithe put there, and put back what was there before.

    Running containers end. Images, containers and volumes stay in the engine's data folder, unless --purge-data; what
    else stays is listed. Shows the plan and asks, unless --yes. A removal that was stopped goes on when it is begun
    again.

    Exit codes: 0 done or nothing to do, 1 a host failed, 2 wrong usage, 4 a host was refused, 130 interrupted.
    """
    from staithe.run import Run

    without = f"staithe remove {inventory} --yes{' --purge-data' if purge_data else ''}"
    options.require_answer("remove asks before it changes hosts", without, yes=yes, as_json=as_json)
    run = Run(
        "remove",
        inventory,
        shards=shards,
        as_json=as_json,
        deploy="deploys/purge.py" if purge_data else "deploys/remove.py",
        ask=None if yes else lambda result: _ask(run, purge_data=purge_data),
        limit=limit or [],
        hosts=options.read_retry(retry_failed, "remove", as_json=as_json),
        parallel=parallel,
        accept_new_host_keys=accept_new_host_keys,
    )
    result = run.go()
    if not as_json:
        _print_remains(run, "left on", [host.host for host in result.hosts if host.outcome == "changed"])
    sys.exit(result.exit_code)


def _ask(run: Run, *, purge_data: bool) -> bool:
    from staithe.report.plan import print_plan

    hosts = [host for host in run.result.hosts if host.changes]
    names = [host.host for host in hosts]
    print_plan(run.console, hosts)
    _print_remains(run, "stays on", names)
    try:
        if not purge_data:
            count = f"{len(names)} {'host' if len(names) == 1 else 'hosts'}"
            return input(f"Take staithe away from {count}? [y/N] ").strip().lower() in ("y", "yes")
        run.console.print("All images, containers and volumes on these hosts will be lost.", style="bold red")
        for name in names:
            if input(f"Type the name of the host, {name}: ").strip() != name:
                run.console.print("that is another name: nothing is done on any host")
                return False
    except EOFError:
        return False
    return True


def _print_remains(run: Run, word: str, names: list[str]) -> None:
    """Print what hosts keep, those with the same together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for host in run.result.hosts:
        if host.host in names and host.remains:
            groups.setdefault(tuple(host.remains), []).append(host.host)
    for remains, alike in groups.items():
        who = ", ".join(alike[:8]) + (f" and {len(alike) - 8} more" if len(alike) > 8 else "")
        run.console.print(f"{word} {who}:", markup=False, highlight=False)
        for one in remains:
            run.console.print(f"  {one}", markup=False, highlight=False, soft_wrap=True)
