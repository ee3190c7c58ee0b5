"""`staithe schema`: the JSON schemas of what --json prints and of the files in a run directory."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    name: Annotated[str | None, typer.Argument(help="A schema's name; without it, all names.")] = None,
) -> None:
    """Print the JSON schema of a document that staithe writes, for programs that read it."""
    from staithe.errors import UsageError
    from staithe.schemas import schema_names, schema_text

    if name is None:
        for one in schema_names():
            typer.echo(one)
        return
    if name not in schema_names():
        raise UsageError("there is no such schema", found=name, expected=", ".join(schema_names()))
    typer.echo(schema_text(name), nl=False)
