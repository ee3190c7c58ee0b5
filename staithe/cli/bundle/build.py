"""`staithe bundle build`: a bundle from files on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer


def build(
    out: Annotated[Path, typer.Option("--out", help="Folder of the bundle.")],
    engine: Annotated[
        list[Path] | None,
        typer.Option("--engine", help="Static engine archive docker-VERSION.tgz; may be given several times."),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option("--image", help="Image archive: docker save's tar or an OCI layout; several times."),
    ] = None,
    engine_version: Annotated[
        str | None,
        typer.Option("--engine-version", help="Version of the one --engine, if its file name does not say it."),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Bundles of one name are generations of one another (with --serial).")
    ] = "",
    serial: Annotated[
        int | None,
        typer.Option("--serial", min=0, help="Hosts refuse a bundle of this name with a lower serial than they had."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the bundle that is at --out.")] = False,
) -> None:
    """Make a bundle from files on this machine."""
    from staithe.bundle.build import EngineSource
    from staithe.bundle.build import build as build_bundle
    from staithe.bundle.engine_archive import check_version, version_from_name
    from staithe.bundle.layout import BUNDLE_NAME_PATTERN
    from staithe.cli.bundle.show import print_bundle
    from staithe.errors import UsageError

    engines, images = engine or [], image or []
    if not engines and not images:
        raise UsageError("there is nothing to put into the bundle", hint="staithe bundle build --help")
    if engine_version is not None and len(engines) != 1:
        raise UsageError("--engine-version goes with exactly one --engine", found=f"{len(engines)}")
    for path in (*engines, *images):
        if not path.exists():
            raise UsageError("there is no such file", where=str(path))
    if bool(name) != (serial is not None):
        raise UsageError("--name and --serial go together", hint="--name site --serial 7")
    if name and not re.fullmatch(BUNDLE_NAME_PATTERN, name):
        raise UsageError("--name is no name for a bundle", found=name, expected="letters, digits and . _ -")
    version = check_version(engine_version) if engine_version is not None else None
    sources = [EngineSource(path, version or version_from_name(path)) for path in engines]
    print_bundle(build_bundle(sources, images, out, replace=force, name=name, serial=serial))
