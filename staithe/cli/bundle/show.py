"""`staithe bundle show`: what a bundle holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from staithe.bundle.contents import Bundle


def show(
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder or .tar of the bundle.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hash every blob and compare.")] = False,
) -> None:
    """Print what a bundle holds."""
    import json

    from staithe.bundle.read import read_bundle
    from staithe.bundle.verify import verify as verify_contents

    bundle = read_bundle(path)
    if verify:
        verify_contents(bundle)
    if as_json:
        typer.echo(json.dumps(_data(bundle), indent=2))
    else:
        print_bundle(bundle)
        if verify:
            typer.echo("every blob is what its name says")


def _data(bundle: Bundle) -> dict[str, Any]:
    from staithe.bundle.signatures import signatures

    return {
        "schema_version": 1,
        "digest": bundle.digest,
        "name": bundle.name,
        "serial": bundle.serial,
        "signatures": [{"file": one.file, "fingerprint": one.fingerprint} for one in signatures(bundle)],
        "engines": [
            {
                "version": engine.version,
                "arch": engine.arch,
                "size_bytes": engine.archive.size_bytes,
                "digest": engine.archive.digest,
                "programs": {name: program.sha256 for name, program in engine.programs.items()},
            }
            for engine in bundle.engines
        ],
        "images": [
            {
                "references": list(image.references),
                "arch": image.arch,
                "size_bytes": sum(blob.size_bytes for blob in image.blobs),
                "config_digest": image.config.digest,
                "manifest_digest": image.manifest.digest,
            }
            for image in bundle.images
        ],
        "package_sets": [
            {
                "target": one.target,
                "engine": one.engine,
                "packages": [
                    {"nevra": package.nevra, "size_bytes": package.blob.size_bytes, "digest": package.blob.digest}
                    for package in one.packages
                ],
            }
            for one in bundle.package_sets
        ],
        "total_bytes": _total_bytes(bundle),
    }


def _total_bytes(bundle: Bundle) -> int:
    """Return the size of the artifacts, a blob that several share counted once."""
    blobs = [engine.archive for engine in bundle.engines]
    blobs += [blob for image in bundle.images for blob in image.blobs]
    blobs += [blob for package_set in bundle.package_sets for blob in package_set.blobs]
    return sum({blob.digest: blob.size_bytes for blob in blobs}.values())


def print_bundle(bundle: Bundle) -> None:
    """Print a table of what the bundle holds."""
    from rich import box
    from rich.table import Table

    from staithe.bundle.signatures import signatures
    from staithe.report.console import console_for
    from staithe.report.sizes import size
    from staithe.shell import word

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what", overflow="fold")
    table.add_column("arch", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("digest", no_wrap=True)
    for engine in bundle.engines:
        row = (f"engine {engine.version}", engine.arch, engine.archive.size_bytes, engine.archive.digest)
        table.add_row(row[0], row[1], size(row[2]), _short(row[3]))
    for image in bundle.images:
        size_bytes = sum(blob.size_bytes for blob in image.blobs)
        table.add_row(
            "image " + "\n      ".join(image.references), image.arch, size(size_bytes), _short(image.config.digest)
        )
    for package_set in bundle.package_sets:
        of_engine = f" with engine {package_set.engine}" if package_set.engine else ""
        count = len(package_set.packages)
        what = f"{count} package{'' if count == 1 else 's'}{of_engine}"
        system, _, arch = package_set.target.partition("-")
        table.add_row(f"{what} for {system}", arch, size(package_set.size_bytes), "")
    console = console_for(markup=False)
    console.print(table)
    console.print(f"{size(_total_bytes(bundle))} in {bundle.root}", soft_wrap=True)
    if bundle.name:
        console.print(f"{bundle.name}, lock serial {bundle.serial}", soft_wrap=True)
    console.print(f"index {bundle.digest}", soft_wrap=True)
    for one in signatures(bundle):
        console.print(f"signature by {one.fingerprint}, not checked: staithe bundle verify", soft_wrap=True)
    if not signatures(bundle):
        console.print(f"not signed: staithe bundle sign {word(str(bundle.root))} --key KEY", soft_wrap=True)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
