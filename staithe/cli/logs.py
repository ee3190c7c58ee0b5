"""`staithe logs`: what a run did on a host."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

First = Annotated[str, typer.Argument(metavar="[RUN]", help="A run's id or its beginning; left out: the newest run.")]
Second = Annotated[str | None, typer.Argument(metavar="HOST", help="The host.")]


def logs(
    first: First,
    second: Second = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the host's events as JSON lines.")] = False,
) -> None:
    """Print every command of a run on a host, with its exit code, duration and output.

    `staithe logs HOST` is about the newest run, `staithe logs RUN HOST` about another.
    """
    from staithe.runs import events_of, find_run, host_log

    run = find_run(first if second is not None else None)
    host = second if second is not None else first
    # Also with --json: a host that the run did not know is a mistake, not an empty answer.
    text = host_log(run, host)
    if as_json:
        for event in events_of(run):
            if event.host == host:
                typer.echo(event.model_dump_json())
        return
    typer.echo(f"run {run.name}, host {host}", err=True)
    sys.stdout.write(text)
