"""`staithe install-here`: the engine on this very machine."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from staithe.cli import options
from staithe.errors import UsageError

_INVENTORY = "@local"
Version = Annotated[
    str | None, typer.Option("--version", metavar="V", help="Exact version; without it what is there, or the newest.")
]
Mirror = Annotated[
    str, typer.Option("--mirror", metavar="NAME", help="Package mirror: official, aliyun, tencent, tuna, ustc, ...")
]
Channel = Annotated[str, typer.Option("--channel", help="stable or test.")]
User = Annotated[
    list[str] | None, typer.Option("--user", metavar="NAME", help="May use docker without sudo. Repeatable.")
]
SmokeImage = Annotated[
    str | None,
    typer.Option("--smoke-image", metavar="IMAGE", help="What proves the engine; pulled. [busybox:1]"),
]
NoSmoke = Annotated[bool, typer.Option("--no-smoke", help="Do not run containers at the end.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Replace an engine that staithe did not install; its data stays.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def install_here(
    version: Version = None,
    mirror: Mirror = "official",
    channel: Channel = "stable",
    bundle: options.Bundle = None,
    user: User = None,
    smoke_image: SmokeImage = None,
    no_smoke: NoSmoke = False,
    take_over: TakeOver = False,
    settings: options.Settings = None,
    yes: Yes = False,
    as_json: options.Json = False,
) -> None:
    """Install the engine on this machine, as root or with sudo: what `curl ... | sh` does, with a plan to read first.

    Packages come from Docker's repository or a mirror, signatures checked, or the static archive from --bundle (its
    packages with --set engine.source=rpm-bundle). Shows the plan and asks, unless --yes. Call it again with another
    --version to upgrade; `staithe rollback @local`, `staithe history @local` and `staithe remove @local` do the rest.

    Exit codes: as of staithe apply.
    """
    from staithe.run import Run

    options.require_answer(
        "install-here asks before it changes this machine", "staithe install-here --yes", yes=yes, as_json=as_json
    )
    given = _settings(version, mirror, channel, bundle, user or [])
    if no_smoke or smoke_image:
        given.append(f"smoke.enabled={json.dumps(not no_smoke)}")
    if bundle is None or smoke_image:
        given.append(f"smoke.image={smoke_image or 'busybox:1'}")
    if take_over:
        given.append("engine.take_over=true")
    layer = options.read_settings([*given, *(settings or [])], bundle)
    run = Run(
        "apply",
        _INVENTORY,
        as_json=as_json,
        ask=None if yes else lambda result: _ask(run),
        settings=layer,
    )
    sys.exit(run.go().exit_code)


def _settings(version: str | None, mirror: str, channel: str, bundle: str | None, users: list[str]) -> list[str]:
    found = [f"engine.version={version}"] if version else []
    if bundle is None:
        found += ["engine.source=repository", f"engine.repository.mirror={mirror}"]
        found.append(f"engine.repository.channel={channel}")
    elif mirror != "official" or channel != "stable":
        raise UsageError("--mirror and --channel do not go with --bundle: a bundle is installed without a network")
    if users:
        found.append(f"users.docker_group={json.dumps(users)}")
    return found


def _ask(run: object) -> bool:
    from staithe.report.plan import print_plan
    from staithe.run import Run

    assert isinstance(run, Run)
    print_plan(run.console, run.result.hosts)
    try:
        return input("Change this machine? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
