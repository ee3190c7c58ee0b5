"""`staithe lab`: throw-away hosts on this machine."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from staithe.lab.state import Lab

app = typer.Typer(help="Throw-away EL-like hosts on this machine.", no_args_is_help=True)

Image = Annotated[str | None, typer.Option("--image", help="el7, el8, el9 (the default) or el10.")]
Cgroup = Annotated[str | None, typer.Option("--cgroup", help="What the hosts see: hybrid, v1 or v2.")]
Purge = Annotated[bool, typer.Option("--purge", help="Delete the cache too: base, layers, artifacts.")]


@app.callback()
def _lab() -> None:
    pass


def _as_root() -> None:
    from staithe.lab.privilege import become_root

    become_root(sys.argv[1:])


def _say(text: str) -> None:
    typer.echo(text)


def _check_cgroup(mode: str | None) -> None:
    from staithe.errors import LabError
    from staithe.lab.host import CGROUP_MODES

    if mode is not None and mode not in CGROUP_MODES:
        raise LabError(f"no cgroup mode {mode!r}", expected=", ".join(CGROUP_MODES), hint="staithe lab up --help")


@app.command(short_help="Install what the lab needs on this machine, once.")
def setup() -> None:
    """Install what the lab needs on this machine and build base and artifacts (each once)."""
    _as_root()
    from staithe.lab import setup as steps

    steps.run_all()


@app.command(short_help="Boot hosts, and leave those that run.")
def up(
    hosts: Annotated[list[str], typer.Argument(help="How many hosts, or their names (h1 h2).")],
    image: Image = None,
    cgroup: Cgroup = None,
    registry: Annotated[bool, typer.Option("--registry", help="Start the lab's registry too.")] = False,
) -> None:
    """Make hosts exist and run; those that run already are left alone."""
    _check_cgroup(cgroup)
    _as_root()
    from staithe.lab import laboratory

    began = time.monotonic()
    lab = laboratory.up(laboratory.host_names(hosts), image=image, cgroup_mode=cgroup, with_registry=registry)
    for name in laboratory.host_names(hosts):
        _say(f"{name}  {lab.hosts[name].ip}  {lab.hosts[name].image}")
    _say_registry(lab)
    _say(f"up in {time.monotonic() - began:.1f} s")


@app.command(short_help="Give hosts back their first state.")
def reset(
    hosts: Annotated[list[str] | None, typer.Argument(help="Names; all hosts when none is given.")] = None,
    image: Image = None,
    cgroup: Cgroup = None,
) -> None:
    """Give hosts back the state they first started with; address and host key stay."""
    _check_cgroup(cgroup)
    _as_root()
    from staithe.lab import laboratory

    began = time.monotonic()
    laboratory.reset(laboratory.host_names(hosts or []) if hosts else [], image=image, cgroup_mode=cgroup)
    _say(f"reset in {time.monotonic() - began:.1f} s")


@app.command(short_help="Cut the power of hosts, and boot them again.")
def reboot(
    hosts: Annotated[list[str] | None, typer.Argument(help="Names; all hosts when none is given.")] = None,
) -> None:
    """Cut the power of hosts and boot them again; what is on their disks stays."""
    _as_root()
    from staithe.lab import laboratory

    began = time.monotonic()
    laboratory.reboot(laboratory.host_names(hosts) if hosts else [])
    _say(f"booted again in {time.monotonic() - began:.1f} s")


@app.command(short_help="Cut the line between this machine and hosts.")
def cut(hosts: Annotated[list[str], typer.Argument(help="Names.")]) -> None:
    """Cut the line between this machine and hosts: packets vanish, as with a pulled cable. See `mend`."""
    _as_root()
    from staithe.lab import laboratory

    laboratory.cut(hosts)
    _say(f"cut: {', '.join(hosts)}; staithe lab mend brings the line back")


@app.command()
def mend() -> None:
    """Bring back every line that `cut` took away."""
    _as_root()
    from staithe.lab import laboratory

    laboratory.mend()
    _say("all lines are back")


@app.command(short_help="End this checkout's lab, and take it all away.")
def down(purge: Purge = False) -> None:
    """End this checkout's lab and take away all it made on this machine."""
    _as_root()
    from staithe.lab import laboratory, prune

    laboratory.down()
    _say("the lab is down")
    if purge:
        prune.purge_cache()


@app.command(short_help="Take away what interrupted labs of any checkout left.")
def prune(
    purge: Purge = False,
    everything: Annotated[bool, typer.Option("--all", help="Labs that run well, too.")] = False,
) -> None:
    """Take away what crashed or interrupted labs left, of any checkout."""
    _as_root()
    from staithe.lab import prune as labs

    swept, busy = labs.prune(everything=everything)
    _say(f"took away: {', '.join(swept)}" if swept else "nothing to take away")
    if busy:
        _say(f"left alone, a command is at work on it: {', '.join(busy)}")
    if purge:
        labs.purge_cache()


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print the lab's description as JSON.")] = False,
) -> None:
    """Show this checkout's hosts."""
    from staithe.lab import host, state

    lab = state.running()
    if as_json:
        typer.echo((lab.folder / "lab.json").read_text(), nl=False)
        return
    for entry in lab.hosts.values():
        typer.echo(f"{entry.name:5} {entry.ip:15} {entry.image:5} {host.system_state(lab.id, entry)}")
    if lab.registry:
        word = "" if lab.registry.process.alive() else "  (dead)"
        typer.echo(f"registry {lab.registry.url}  {', '.join(lab.registry.images)}{word}")


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    name: Annotated[str, typer.Argument(metavar="HOST")],
    command: Annotated[list[str] | None, typer.Argument(metavar="[CMD]...")] = None,
) -> None:
    """Log in to a host, or run a command on it."""
    from staithe.errors import LabError
    from staithe.lab import state

    lab = state.running()
    if name not in lab.hosts:
        raise LabError(f"no host {name!r} in this lab", expected=", ".join(lab.hosts), hint="staithe lab status")
    os.execvp("ssh", ["ssh", "-q", "-F", str(lab.ssh_config), name, *(command or [])])  # noqa: S606


@app.command(short_help="Make engine archives and small images.")
def artifacts() -> None:
    """Make engine archives and small images from the distribution's own packages (once)."""
    _as_root()
    from staithe.lab import artifacts as make
    from staithe.lab.progress import step

    with step("artifacts") as say:
        made = make.ensure(say)
    for path in made.paths():
        typer.echo(path)


@app.command(short_help="Make package repositories with real engines, signed.")
def rpms() -> None:
    """Make package repositories with real engines in RPMs, signed with a key of the lab (once)."""
    _as_root()
    from staithe.lab import rpms as make
    from staithe.lab import setup as lab_setup
    from staithe.lab.progress import step

    lab_setup.install_packages(make.TOOLS)
    with step("repositories") as say:
        made = make.ensure(say)
    for path in made.paths():
        typer.echo(path)


@app.command(short_help="Start or stop a registry beside the hosts.")
def registry(action: Annotated[str, typer.Argument(metavar="start|stop")]) -> None:
    """Start or stop a registry on the lab's bridge, with an image that hosts can pull by its docker.io name."""
    from staithe.errors import LabError

    if action not in ("start", "stop"):
        raise LabError(f"registry {action!r}", expected="start or stop", hint="staithe lab registry start")
    _as_root()
    from staithe.lab import laboratory

    if action == "start":
        _say_registry(laboratory.start_registry())
    else:
        laboratory.stop_registry()


def _say_registry(lab: Lab) -> None:
    if lab.registry:
        _say(f"registry {lab.registry.url} answers for {', '.join(lab.registry.images)}")
