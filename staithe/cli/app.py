"""The `staithe` command: puts the commands together and prints every error in one place.

Command modules import nothing heavy at the top (no pydantic, pyinfra, paramiko): `staithe --help` must answer
at once. What a command needs it imports inside its function.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from staithe import __version__
from staithe.cli import bundle, config, lab
from staithe.cli.apply import apply
from staithe.cli.explain import explain
from staithe.cli.history import history
from staithe.cli.init import init
from staithe.cli.install_here import install_here
from staithe.cli.logs import logs
from staithe.cli.plan import plan
from staithe.cli.preflight import preflight
from staithe.cli.remove import remove
from staithe.cli.rollback import rollback
from staithe.cli.schema import schema
from staithe.cli.smoke import smoke
from staithe.cli.status import status
from staithe.cli.unlock import unlock
from staithe.cli.versions import versions
from staithe.errors import EXIT_INTERRUPTED, StaitheError, UsageError

# pydantic would look through all installed packages for plugins.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

app = typer.Typer(
    name="staithe",
    help="Make CentOS / Enterprise Linux hosts ready to run containers, and prove it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Importing rich costs more than everything else that --help does.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# In the order in which a new user needs them.
app.command("init", short_help="Write an inventory and a commented configuration.")(init)
app.command("install-here", short_help="Install the engine on this machine itself.")(install_here)
app.command("preflight", short_help="Check whether hosts can carry what is described.")(preflight)
app.command("plan", short_help="Show what apply would change on each host, and why.")(plan)
app.command("apply", short_help="Bring hosts to what is described, and prove it.")(apply)
app.command("smoke", short_help="Run containers on each host, and say what worked.")(smoke)
app.command("status", short_help="Show each host's engine, its health, and what drifted.")(status)
app.command("versions", short_help="List the engine versions on offer, and what hosts have.")(versions)
app.command("logs", short_help="Print every command of a run on a host.")(logs)
app.command("unlock", short_help="Show who holds a host, and take the lock away.")(unlock)
app.command("history", short_help="List what was applied to each host, and when.")(history)
app.command("rollback", short_help="Bring hosts back to the generation before.")(rollback)
app.command("remove", short_help="Take away from hosts what staithe put there.")(remove)
app.command("explain", short_help="Explain the code of an error or a warning.")(explain)
app.command("schema", short_help="Print the JSON schema of what staithe writes.")(schema)
app.add_typer(config.app, name="config")
app.add_typer(bundle.app, name="bundle")
app.add_typer(lab.app, name="lab")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"staithe {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Show the Python traceback of an error (put it before the command)."),
    ] = False,
) -> None:
    if verbose:
        os.environ["STAITHE_VERBOSE"] = "1"


def print_error(error: StaitheError) -> None:
    """Write one error to stderr: code and text, then what to type next."""
    from staithe.visible import visible

    typer.secho(visible(f"error {error.code}: {error}"), fg=typer.colors.RED, err=True)
    if error.hint:
        typer.echo(visible(f"  try: {error.hint}"), err=True)
    typer.echo(f"  more: staithe explain {error.code}", err=True)
    if error.record:
        typer.echo(visible(f"  record: {error.record}"), err=True)


def _check_arguments() -> None:
    """Refuse arguments that are no UTF-8: they can neither be told to a runner nor be shown."""
    for argument in sys.argv[1:]:
        if any("\ud800" <= char <= "\udfff" for char in argument):
            raise UsageError(
                "an argument of the command is not in UTF-8",
                found=ascii(argument[:80]),
                hint="rename the file, or type the name in a UTF-8 terminal",
            )


def main() -> None:
    """Run the command line and exit with staithe's exit codes."""
    try:
        _check_arguments()
        app()
    except StaitheError as error:
        if os.environ.get("STAITHE_VERBOSE"):
            traceback.print_exc()
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
