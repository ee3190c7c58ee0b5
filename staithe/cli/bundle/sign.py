"""`staithe bundle sign`: put a name to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sign(
    folder: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of the bundle.", show_default=False)],
    key: Annotated[
        Path,
        typer.Option(
            "--key", help="SSH private key, or the public half of one that ssh-agent holds.", show_default=False
        ),
    ],
) -> None:
    """Sign a bundle with an SSH key, after a look at every blob. Several may sign.

    The signature is of the line that `sha256sum index.json` prints, in the namespace bundle@staithe, and lies in
    BUNDLE/signatures/. A key is made with `ssh-keygen -t ed25519`. Who checks the signature needs the public half in
    a file of allowed signers, one line each:

        you@example.com namespaces="bundle@staithe" ssh-ed25519 AAAA...
    """
    from staithe.bundle.layout import SIGNATURE_NAMESPACE
    from staithe.bundle.read import read_bundle, verify_blobs
    from staithe.bundle.signatures import add_signature
    from staithe.errors import UsageError

    if not key.is_file():
        raise UsageError("there is no such key", where=str(key), hint="ssh-keygen -t ed25519   # makes one")
    bundle = read_bundle(folder)
    verify_blobs(bundle)
    made = add_signature(bundle, key)
    typer.echo(f"index {bundle.digest}")
    typer.echo(f"signed by {made.fingerprint}: {bundle.root / made.file}")
    public = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    if public.is_file():
        words = public.read_text(encoding="utf-8", errors="replace").split()
        if len(words) >= 2:
            typer.echo("its line for the file of allowed signers, NAME being yours:")
            typer.echo(f'  NAME namespaces="{SIGNATURE_NAMESPACE}" {words[0]} {words[1]}')
