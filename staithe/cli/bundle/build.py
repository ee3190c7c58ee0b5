"""`staithe bundle build`: a bundle from files on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from staithe.bundle.contents import Bundle


def build(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with bundle.toml and bundle.lock; without --engine and --image: this folder."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the bundle; from a lock: `bundle` beside it.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing: take all from the cache.")] = False,
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
    """Make a bundle from bundle.lock, or from files (--engine, --image).

    From a lock everything is fetched into a cache that all bundles share, resumed where it stopped, and compared with
    the lock; packages must be signed by pinned keys. The same lock gives the same bytes, wherever it is built.
    """
    from staithe.cli.bundle.show import print_bundle
    from staithe.errors import UsageError

    engines, images = engine or [], image or []
    if folder is not None or not (engines or images):
        if engines or images or engine_version or name or serial is not None:
            raise UsageError("--engine, --image and what belongs to them do not go with a lock")
        print_bundle(_from_lock(folder or Path(), out, offline=offline, replace=force))
        return
    if out is None:
        raise UsageError("--out is missing: the folder of the bundle", hint="staithe bundle build --help")
    if engine_version is not None and len(engines) != 1:
        raise UsageError("--engine-version goes with exactly one --engine", found=f"{len(engines)}")
    if bool(name) != (serial is not None):
        raise UsageError("--name and --serial go together", hint="--name site --serial 7")
    print_bundle(_from_files(engines, images, out, engine_version, force, name, serial))


def _from_files(
    engines: list[Path],
    images: list[Path],
    out: Path,
    engine_version: str | None,
    replace: bool,
    name: str,
    serial: int | None,
) -> Bundle:
    from staithe.bundle.build import EngineSource
    from staithe.bundle.build import build as build_bundle
    from staithe.bundle.engine_archive import check_version, version_from_name
    from staithe.bundle.layout import BUNDLE_NAME_PATTERN
    from staithe.errors import UsageError

    for path in (*engines, *images):
        if not path.exists():
            raise UsageError("there is no such file", where=str(path))
    if name and not re.fullmatch(BUNDLE_NAME_PATTERN, name):
        raise UsageError("--name is no name for a bundle", found=name, expected="letters, digits and . _ -")
    version = check_version(engine_version) if engine_version is not None else None
    sources = [EngineSource(path, version or version_from_name(path)) for path in engines]
    return build_bundle(sources, images, out, replace=replace, name=name, serial=serial)


def _from_lock(folder: Path, out: Path | None, *, offline: bool, replace: bool) -> Bundle:
    from staithe.cli.bundle.progress import downloading
    from staithe.errors import UsageError
    from staithe.shell import word
    from staithe.sourcing.libraries import require_libraries, require_package_libraries

    require_libraries()
    from staithe.sourcing.building import Building
    from staithe.sourcing.description_file import DESCRIPTION_NAME, read_description
    from staithe.sourcing.lock_file import LOCK_NAME, read_lock

    if folder.name == DESCRIPTION_NAME and folder.is_file():
        folder = folder.parent
    if not (folder / DESCRIPTION_NAME).exists():
        raise UsageError(
            f"there is no {DESCRIPTION_NAME}",
            where=str(folder.absolute()),
            hint=f"staithe bundle init {word(str(folder))}   "
            "# or, from files: staithe bundle build --engine FILE --out FOLDER",
        )
    description, lock = read_description(folder / DESCRIPTION_NAME), read_lock(folder / LOCK_NAME)
    if lock is None:
        raise UsageError(
            f"there is no {LOCK_NAME}", where=str(folder.absolute()), hint=f"staithe bundle lock {word(str(folder))}"
        )
    if lock.package:
        require_package_libraries()
    with downloading(offline=offline, total_bytes=lock.total_bytes) as (downloader, say):
        return Building(description, folder, lock, downloader, say).run(out or folder / "bundle", replace=replace)
