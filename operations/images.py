"""The bundle's images in the engine's store."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from staithe.bundle.contents import Blob, ImageArtifact
from staithe.bundle.load_archive import load_metadata
from staithe.change import Change
from staithe.host.arrival import bring_blob
from staithe.host.attachment import session
from staithe.host.guard import carry_out
from staithe.host.session import Session
from staithe.host_layout import BLOB_DIR, STATE_DIR
from staithe.placing import archive_of_contents, whole_blobs_script
from staithe.shell import join
from staithe.transfer import read_whole

_LOAD_TIMEOUT_S = 900.0
# Manifests and configs are a few KiB: they travel together, in one exec with the load itself.
_SMALL_BYTES = 64 << 10
_LOAD_DIR = f"{STATE_DIR}/load"


@operation()
def load() -> Generator[FunctionCommand, None, None]:
    """Send the blobs that the host lacks, load the images, take the blobs away again."""
    here = session(host)
    changes = here.changes("images")
    if not changes:
        host.noop("the images are there")
        return
    yield carry_out(here, changes, lambda: _load(here, changes))


def _load(here: Session, changes: Sequence[Change]) -> None:
    assert here.desired is not None
    targets = {change.target for change in changes}
    images = [image for image in here.desired.images if ", ".join(image.references) in targets]
    blobs = {blob.digest: blob for image in images for blob in image.blobs}
    small = [blob for blob in blobs.values() if blob.size_bytes <= _SMALL_BYTES]
    large = [blob for blob in blobs.values() if blob not in small]
    there = here.run(whole_blobs_script(large), "blobs that are there").stdout.decode().split() if large else []
    lacking = [blob for blob in large if blob.hex not in there]
    here.supply.announce(lacking)
    for blob in lacking:
        bring_blob(here, blob)
    here.alter(
        _load_script(small, list(blobs.values()), keep=here.desired.keeps_blobs),
        "load images",
        refresh=["units", "docker"],
        stdin=[_metadata(here, images, small)],
        timeout_s=_LOAD_TIMEOUT_S,
    )
    here.verify("images")


def _metadata(here: Session, images: Sequence[ImageArtifact], small: Sequence[Blob]) -> bytes:
    assert here.desired is not None
    files = dict(load_metadata(images))
    for blob in small:
        files[f"blobs/sha256/{blob.hex}"] = read_whole(here.desired.bundle, blob)
    return archive_of_contents(files)


def _load_script(small: Sequence[Blob], blobs: Sequence[Blob], *, keep: bool) -> str:
    sums = "".join(f"{blob.hex}  blobs/sha256/{blob.hex}\n" for blob in small)
    large = [blob for blob in blobs if blob not in small]
    moves = "".join(f"ln -f {BLOB_DIR}/{blob.hex} blobs/sha256/{blob.hex}\n" for blob in large)
    names = ["oci-layout", "index.json", "manifest.json", *(f"blobs/sha256/{blob.hex}" for blob in blobs)]
    # Kept blobs are what a later load, or the way back to this generation, need not send again.
    ending = "" if keep else f"rm -f {join(f'{BLOB_DIR}/{blob.hex}' for blob in blobs)}\n"
    return f"""set -eu
umask 077
rm -rf {_LOAD_DIR}
mkdir -p {_LOAD_DIR}/blobs/sha256
trap 'rm -rf {_LOAD_DIR}' EXIT
cd {_LOAD_DIR}
tar -xf - --no-same-owner
sha256sum --quiet -c - <<'SUMS'
{sums}SUMS
{moves}tar -cf - {join(names)} | docker -H unix:///run/docker.sock load
cd /
{ending}"""
