"""`staithe bundle verify`: is this the bundle that somebody whom we trust has made?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder or .tar of the bundle.", show_default=False)],
    allowed_signers: Annotated[
        Path, typer.Option("--allowed-signers", help="File of those who may sign.", show_default=False)
    ],
    revoked_keys: Annotated[
        Path | None, typer.Option("--revoked-keys", help="File of keys that are no longer trusted.")
    ] = None,
    required: Annotated[
        list[str] | None, typer.Option("--signer", help="Somebody who must have signed; may be given several times.")
    ] = None,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Do not compare its serial with those that were applied from here.")
    ] = False,
) -> None:
    """Hash every blob, and check every signature.

    Fails on a blob that is missing, changed, or that nothing names; on a signature that is of other content, by a
    stranger, or by a key that is expired or revoked; and on a lock that is older than one that was applied from here.
    apply checks the same by itself, with what `trust` in the configuration says. docs/air-gap.md has the commands
    that check a bundle without staithe.
    """
    from staithe.bundle.memory import refuse_older
    from staithe.bundle.read import read_bundle
    from staithe.bundle.signatures import check_signatures
    from staithe.bundle.verify import verify as verify_contents
    from staithe.runs_folder import memory_folder

    bundle = read_bundle(path)
    verify_contents(bundle)
    signers = check_signatures(bundle, allowed_signers, revoked_keys, required or [])
    if not allow_older:
        refuse_older(bundle, memory_folder())
    typer.echo(f"index {bundle.digest}")
    typer.echo("every blob is what its name says, and none is too many")
    for signer in signers:
        typer.echo(f"signed by {signer.name} ({signer.file})")
