"""`staithe apply`: bring hosts to what is described, and prove it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from staithe.cli import options
from staithe.errors import UsageError

if TYPE_CHECKING:
    from staithe.batches import Batches
    from staithe.run import Run

_AT_ONCE = 40
Batch = Annotated[
    str | None,
    typer.Option(
        "--batch", metavar="N|P%", help="Change so many hosts, in inventory order; the next ones when all are done."
    ),
]
MaxFail = Annotated[
    str | None,
    typer.Option(
        "--max-fail",
        metavar="N|P%",
        help="Begin no further host when so many have failed or cannot be reached (a refusal is no failure).",
    ),
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Do what `staithe plan --out FILE` planned, without asking: it was read. A host whose configuration, "
        "bundle or state has moved since is refused.",
    ),
]
Uploads = Annotated[int, typer.Option("--uploads", min=1, metavar="N", help="Hosts that receive blobs at once.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing hosts.")]


def apply(
    inventory: options.OptionalInventory = None,
    yes: Yes = False,
    plan: PlanFile = None,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = None,
    batch: Batch = None,
    max_fail: MaxFail = None,
    parallel: options.Parallel = 0,
    uploads: Uploads = 8,
    settings: options.Settings = None,
    bundle: options.Bundle = None,
    allow_older: options.AllowOlder = False,
    deep: options.Deep = False,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Bring hosts to what is described, and prove it by running containers.

    Shows the plan and asks, unless --yes. A host that is as described is left alone; a host that fails, is refused
    or cannot be reached does not stop the others. With --plan FILE nothing is asked, and INVENTORY stands in FILE.

    Exit codes: 0 done or nothing to do, 1 a host failed, 2 wrong usage or configuration, 4 a host was refused,
    5 the bundle is wrong, 130 interrupted.
    """
    batches = _batches(batch, max_fail, parallel)
    given = options.read_settings(settings, bundle, allow_older=allow_older)
    if plan is not None:
        if given or deep or retry_failed is not None:
            raise UsageError(
                "--set, --bundle, --allow-older, --deep and --retry-failed do not go with --plan: "
                "it does what was planned"
            )
        start = _from_plan(plan, inventory, limit)
    elif inventory is None:
        raise UsageError("INVENTORY is missing", expected="an inventory, or --plan FILE", hint="staithe apply --help")
    else:
        without = f"staithe apply {inventory} --yes"
        options.require_answer("apply asks before it changes hosts", without, yes=yes, as_json=as_json)
        hosts = options.read_retry(retry_failed, "apply", as_json=as_json)
        start = {"inventory": inventory, "limit": limit or [], "hosts": hosts, "settings": given, "deep": deep}
    from staithe.run import Run

    run = Run(
        "apply",
        shards=shards,
        as_json=as_json,
        ask=None if yes or plan is not None else lambda result: _ask(run, result),
        batches=batches,
        parallel=parallel,
        uploads=uploads,
        accept_new_host_keys=accept_new_host_keys,
        **start,
    )
    sys.exit(run.go().exit_code)


def _from_plan(file: Path, inventory: str | None, limit: list[str] | None) -> dict[str, Any]:
    """Return what a saved plan says of the run."""
    from staithe.saved_plan import read_saved_plan

    saved = read_saved_plan(file)
    if inventory is not None and Path(inventory).resolve() != Path(saved.inventory).resolve():
        raise UsageError(
            "the plan was made for another inventory",
            found=inventory,
            expected=saved.inventory,
            hint=f"staithe apply --plan {file}",
        )
    return {
        "inventory": saved.inventory,
        "limit": limit or saved.limit,
        "hosts": saved.only,
        "settings": saved.settings,
        "deep": saved.deep,
        "plan": str(file),
    }


def _batches(batch: str | None, max_fail: str | None, parallel: int) -> Batches | None:
    from staithe.batches import Batches, parse_share

    if batch is None and max_fail is None:
        return None
    return Batches(
        parse_share(batch, "--batch") if batch is not None else None,
        parse_share(max_fail, "--max-fail") if max_fail is not None else None,
        # What has begun cannot be stopped: without a limit here, all hosts would have begun when the first one fails.
        at_once=(parallel or _AT_ONCE) if max_fail is not None else 0,
    )


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
