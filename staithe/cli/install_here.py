"""`staithe install-here`: the engine on this very machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli import options
from staithe.errors import UsageError

if TYPE_CHECKING:
    from staithe.sourcing.target import Target

_INVENTORY = "@local"
Version = Annotated[
    str | None, typer.Option("--version", metavar="V", help="Exact version; without it what is there, or the newest.")
]
Mirror = Annotated[
    str, typer.Option("--mirror", metavar="NAME", help="Package mirror: official, aliyun, tencent, tuna, ustc, ...")
]
Channel = Annotated[str, typer.Option("--channel", help="stable or test.")]
Bundle = Annotated[
    str | None, typer.Option("--bundle", help="Install from this bundle, a folder or an archive, without a network.")
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="SOURCE",
        help="repository, rpm-bundle or static-bundle. Without: the repository; of a bundle its packages for this "
        "machine, else its static archive.",
    ),
]
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
    bundle: Bundle = None,
    source: Source = None,
    user: User = None,
    smoke_image: SmokeImage = None,
    no_smoke: NoSmoke = False,
    take_over: TakeOver = False,
    settings: options.Settings = None,
    yes: Yes = False,
    as_json: options.Json = False,
) -> None:
    """Install the engine on this machine, as root or with sudo: what `curl ... | sh` does, with a plan to read first.

    Packages come from Docker's repository or a mirror, signatures checked, or from --bundle, without a network. Shows
    the plan and asks, unless --yes. Call it again with another --version to upgrade; `staithe rollback @local`,
    `staithe history @local` and `staithe remove @local` do the rest.

    Exit codes: as of staithe apply.
    """
    from staithe.run import Run

    options.require_answer(
        "install-here asks before it changes this machine", "staithe install-here --yes", yes=yes, as_json=as_json
    )
    _check_source(source)
    set_source = [one.partition("=")[2].strip('"') for one in settings or [] if one.startswith("engine.source=")]
    source = source or (set_source[-1] if set_source else _source_of(bundle, version))
    given = _settings(version, mirror, channel, source, user or [])
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


def _check_source(source: str | None) -> None:
    known = ("repository", "rpm-bundle", "static-bundle")
    if source is not None and source not in known:
        raise UsageError("there is no such source", where="--source", found=source, expected=", ".join(known))


def _source_of(bundle: str | None, version: str | None) -> str:
    """Return where the engine comes from when nobody says; say what was chosen of a bundle."""
    if bundle is None:
        return "repository"
    import shutil
    from pathlib import Path

    from staithe.bundle.read import read_bundle
    from staithe.host_layout import ENGINE_CURRENT
    from staithe.report.console import console_for
    from staithe.sourcing.bundle_source import chosen

    choice = chosen(
        read_bundle(Path(bundle)),
        _this_machine(),
        version,
        has_manager=any(shutil.which(name) for name in ("dnf", "dnf5", "yum")),
        is_static=Path(ENGINE_CURRENT).is_symlink(),
    )
    told = f"from {bundle}: {choice.words}"
    console_for(stderr=True).print(told, highlight=False, markup=False, soft_wrap=True)
    return choice.source


def _this_machine() -> Target | None:
    """Return what kind of host this is; None for one whose release says nothing."""
    import platform

    from staithe.sourcing.target import Target

    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    major = release.get("VERSION_ID", "").partition(".")[0]
    return Target(int(major), platform.machine()) if major.isdigit() else None


def _settings(version: str | None, mirror: str, channel: str, source: str, users: list[str]) -> list[str]:
    found = [f"engine.source={source}", *([f"engine.version={version}"] if version else [])]
    if source == "repository":
        found += [f"engine.repository.mirror={mirror}", f"engine.repository.channel={channel}"]
    elif mirror != "official" or channel != "stable":
        raise UsageError("--mirror and --channel do not go with a bundle, which is installed without a network")
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
