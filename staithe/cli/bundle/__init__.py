"""`staithe bundle`: what a host needs, in one folder that can be carried to where there is no network."""

from __future__ import annotations

import typer

from staithe.cli.bundle.base import base
from staithe.cli.bundle.build import build
from staithe.cli.bundle.controller import controller
from staithe.cli.bundle.diff import diff
from staithe.cli.bundle.export import export
from staithe.cli.bundle.init import docs, init
from staithe.cli.bundle.lock import lock
from staithe.cli.bundle.push import push
from staithe.cli.bundle.show import show
from staithe.cli.bundle.sign import sign
from staithe.cli.bundle.verify import verify

app = typer.Typer(help="Make, sign, check and carry bundles of engine and images.", no_args_is_help=True)
# In the order of a bundle's life.
app.command("init")(init)
app.command("docs")(docs)
app.command("base", short_help="Write down what hosts have, for lock to build upon.")(base)
app.command("lock")(lock)
app.command("build", short_help="Make a bundle from bundle.lock, or from files.")(build)
app.command("show")(show)
app.command("sign")(sign)
app.command("verify")(verify)
app.command("diff")(diff)
app.command("export")(export)
app.command("controller", short_help="Fetch staithe itself as wheels, to be carried along.")(controller)
app.command("push", short_help="Put a bundle into a registry.")(push)
