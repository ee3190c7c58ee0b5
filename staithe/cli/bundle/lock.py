"""`staithe bundle lock`: from what is wished for to exact bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from staithe.sourcing.lock_file import Lock

Folder = Annotated[Path, typer.Argument(help="Folder with bundle.toml, or that file.")]


def lock(
    folder: Folder = Path(),
    upgrade: Annotated[
        list[str] | None,
        typer.Option("--upgrade", help="Choose this package, image (or `engine`) anew; may be given several times."),
    ] = None,
    upgrade_all: Annotated[bool, typer.Option("--upgrade-all", help="Choose everything anew.")] = False,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Take metadata that are older than what was seen before.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 3 when the lock would change.")] = False,
) -> None:
    """Choose exact versions for bundle.toml, and write bundle.lock.

    What the lock has already stays wherever it can; --upgrade changes only what must change.
    """
    from staithe.cli.bundle.progress import downloading
    from staithe.report.console import console_for
    from staithe.sourcing.choice import Upgrade
    from staithe.sourcing.description_file import DESCRIPTION_NAME, read_description
    from staithe.sourcing.download_cache import cache_folder
    from staithe.sourcing.image_lock import pin_warnings
    from staithe.sourcing.libraries import require_libraries, require_package_libraries
    from staithe.sourcing.lock_file import LOCK_NAME, read_lock
    from staithe.sourcing.locking import Locking
    from staithe.sourcing.seen_metadata import note_seen, read_seen

    require_libraries()
    home = folder.parent if folder.is_file() else folder
    path = folder if folder.is_file() else folder / DESCRIPTION_NAME
    description, former = read_description(path), read_lock(home / LOCK_NAME)
    if description.wants_packages:
        require_package_libraries()
    cache = cache_folder()
    with downloading() as (downloader, say):
        locking = Locking(
            description,
            home,
            former,
            downloader,
            Upgrade(frozenset(upgrade or ()), upgrade_all),
            say=say,
            seen=read_seen(cache),
            allow_older=allow_older,
        )
        made = locking.run()
    note_seen(locking.fetched, home, cache)
    for warning in (*locking.warnings, *pin_warnings(description)):
        console_for(stderr=True, markup=False).print(f"warning: {warning}", soft_wrap=True)
    _written(made, former, home / LOCK_NAME, check=check)


def _written(made: Lock, former: Lock | None, path: Path, *, check: bool) -> None:
    """Show what changes, and write it; with `check` exit instead."""
    from staithe.errors import EXIT_PENDING
    from staithe.report.console import console_for
    from staithe.sourcing.lock_changes import changes
    from staithe.sourcing.locking import write_lock

    console = console_for(markup=False)
    if former is not None and made.text() == former.text():
        console.print(f"{path}: nothing to change (serial {made.serial})", soft_wrap=True)
        return
    for line in changes(former, made):
        console.print(line, soft_wrap=True)
    if check:
        raise typer.Exit(EXIT_PENDING)
    write_lock(made, path)
    console.print(f"wrote {path}: {summary(made)}", soft_wrap=True)


def summary(lock: Lock) -> str:
    """Return what a lock holds, in one line."""
    from rich.filesize import decimal

    parts = [f"engine {lock.engine}"] if lock.engine else []
    for noun, items in (
        ("package", lock.package),
        ("archive", lock.static),
        ("image", (*lock.image, *lock.oci_image)),
    ):
        if items:
            parts.append(f"{len(items)} {noun}{'' if len(items) == 1 else 's'}")
    return f"serial {lock.serial}; {', '.join(parts)}; {decimal(lock.total_bytes)}"
