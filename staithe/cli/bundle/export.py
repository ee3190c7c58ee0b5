"""`staithe bundle export`: a bundle for a journey."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder or .tar of the bundle.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="FILE.tar, or a folder that is not there yet.")],
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="SIZE", help="Volumes smaller than SIZE (700M, 4G), with checksums."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option("--since", metavar="OLD", help="Leave out what the bundle OLD has: the receiver has it too."),
    ] = None,
    base: Annotated[
        Path | None, typer.Option("--with", metavar="OLD", help="BUNDLE is such a delta: take the rest from OLD.")
    ] = None,
) -> None:
    """Write a bundle as a .tar, volumes, a delta or a folder.

    The signatures go along. Every command that takes a bundle's folder takes the .tar too. Volumes are checked with
    `sha256sum -c FILE.tar.sha256` and joined with `cat FILE.tar.??? > FILE.tar`.
    """
    from staithe.bundle.export import blobs_of, completed
    from staithe.bundle.export import export as write
    from staithe.bundle.read import read_bundle
    from staithe.bundle.volumes import parse_size
    from staithe.report.sizes import size

    split_bytes = parse_size(split) if split is not None else None
    bundle = completed(path, base) if base is not None else read_bundle(path)
    left_out = blobs_of(bundle, read_bundle(since)) if since is not None else set()
    made = write(bundle, out, left_out=left_out, split_bytes=split_bytes)
    typer.echo(f"index {bundle.digest}")
    for one in made:
        typer.echo(f"{one}  {size(one.stat().st_size)}" if one.is_file() else str(one))
    if since is not None:
        assert bundle.files is not None
        saved = sum(bundle.files.sizes[name] for name in left_out)
        typer.echo(f"left out: {len(left_out)} blobs, {size(saved)}, which {since} has")
        typer.echo(f"the receiver makes it whole: staithe bundle export {out.name} --with {since.name} --out FOLDER")
    if split_bytes is not None:
        typer.echo(f"the receiver joins them: sha256sum -c {out.name}.sha256 && cat {out.name}.??? > {out.name}")
