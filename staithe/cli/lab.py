"""`staithe lab`: throw-away hosts on this machine."""

from __future__ import annotations

import typer

app = typer.Typer(help="Throw-away EL-like hosts on this machine.", no_args_is_help=True)


@app.callback()
def _lab() -> None:
    pass
