"""`staithe bundle diff`: what differs between two bundles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from staithe.errors import EXIT_PENDING

if TYPE_CHECKING:
    from staithe.bundle.contents import Bundle
    from staithe.bundle.difference import Difference, Item


def diff(
    old: Annotated[Path, typer.Argument(help="Folder or .tar of the older bundle.", show_default=False)],
    new: Annotated[Path, typer.Argument(help="Folder or .tar of the newer one.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what differs between two bundles.

    It tells how much of NEW is not in OLD, too: that is what has to be carried.

    Exit codes: 0 both are the same, 3 they differ, 5 one of them is no bundle.
    """
    import json

    from staithe.bundle.difference import differences
    from staithe.bundle.read import read_bundle

    older, newer = read_bundle(old), read_bundle(new)
    found = differences(older, newer)
    if as_json:
        typer.echo(json.dumps(_data(older, newer, found), indent=2))
    else:
        _print(older, newer, found)
    if older.digest != newer.digest:
        raise typer.Exit(EXIT_PENDING)


def _data(old: Bundle, new: Bundle, found: tuple[Difference, ...]) -> dict[str, Any]:
    from staithe.bundle.difference import transfer_bytes

    return {
        "schema_version": 1,
        "old": {"digest": old.digest, "name": old.name, "serial": old.serial},
        "new": {"digest": new.digest, "name": new.name, "serial": new.serial},
        "differences": [
            {
                "kind": one.kind,
                "what": one.what,
                "arch": one.arch,
                "before": _side(one.before),
                "after": _side(one.after),
            }
            for one in found
        ],
        "transfer_bytes": transfer_bytes(old, new),
    }


def _side(item: Item | None) -> dict[str, Any] | None:
    return {"version": item.version, "digest": item.digest, "size_bytes": item.size_bytes} if item else None


def _print(old: Bundle, new: Bundle, found: tuple[Difference, ...]) -> None:
    from rich import box
    from rich.table import Table

    from staithe.bundle.difference import transfer_bytes
    from staithe.report.console import console_for
    from staithe.report.sizes import size

    console = console_for(markup=False)
    if found:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("", "what", "for"):
            table.add_column(heading, overflow="fold")
        for heading in ("before", "after"):
            table.add_column(heading, justify="right", no_wrap=True)
        for one in found:
            sides = [f"{item.version}  {size(item.size_bytes)}" if item else "-" for item in (one.before, one.after)]
            table.add_row(one.kind, one.what, one.arch, *sides)
        console.print(table)
    elif old.digest == new.digest:
        console.print("both are the same")
    else:
        console.print("the same engines, images and packages; what is said of them differs: serial, lock, metadata")
    for bundle in (old, new):
        serial = f"  {bundle.name}, lock serial {bundle.serial}" if bundle.name else ""
        console.print(f"index {bundle.digest}{serial}  {bundle.root}", soft_wrap=True)
    console.print(f"{size(transfer_bytes(old, new))} are new: staithe bundle export NEW --since OLD --out FILE.tar")
