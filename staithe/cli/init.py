"""`staithe init`: the files of a new project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is missing.")] = Path(),
    hosts: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="USER@HOST", help="A host to put into the inventory; may be repeated."),
    ] = None,
) -> None:
    """Write an inventory and its commented configuration to start from."""
    from staithe.starter import INVENTORY, parse_address, write_starter

    for path in write_starter(folder, [parse_address(host) for host in hosts or []]):
        typer.echo(f"wrote {path}")
    typer.echo("\nNext:")
    if folder.resolve() != Path.cwd():
        typer.echo(f"  cd {folder}")
    if not hosts:
        typer.echo(f"  edit {INVENTORY}")
    typer.echo(f"  staithe config check {INVENTORY}")
    typer.echo(f"  staithe plan {INVENTORY}")
    typer.echo(f"  staithe apply {INVENTORY}")
    typer.echo("\nPlan and apply need a signed bundle in ./bundle, and who may sign in ./allowed_signers:")
    typer.echo("  staithe bundle build --help")
    typer.echo("  staithe bundle sign --help")
