"""`staithe bundle`: what a host needs, in one folder that can be carried to where there is no network."""

from __future__ import annotations

import typer

from staithe.cli.bundle.build import build
from staithe.cli.bundle.show import show

app = typer.Typer(help="Bundles: engine and images in one folder, to be carried to hosts.", no_args_is_help=True)
# In the order of a bundle's life.
app.command("build")(build)
app.command("show")(show)
