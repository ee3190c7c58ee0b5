"""`staithe bundle init` and `docs`: how to say what a bundle shall hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(help="Folder for bundle.toml; it is made when it is not there.")] = Path(),
) -> None:
    """Write a commented bundle.toml to start from."""
    from staithe.shell import word
    from staithe.sourcing.description_file import write_starter

    path = write_starter(folder)
    typer.echo(f"wrote {path}")
    place = str(path.parent)
    typer.echo(f"next: edit it, then `staithe bundle lock {word(f'./{place}' if place.startswith('-') else place)}`")


def docs() -> None:
    """Print the reference of bundle.toml."""
    from staithe.sourcing.description_reference import reference

    typer.echo(reference(), nl=False)
