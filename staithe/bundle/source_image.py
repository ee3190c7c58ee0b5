"""An image on its way into a bundle, whatever archive it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from staithe.bundle.documents import ARCHITECTURES, ImageConfig
from staithe.errors import BundleError

# Provenance that buildx puts beside an image; it is no image.
ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True)
class SourceLayer:
    """A layer as it lies in the archive."""

    name: str  # file in the archive
    diff_id: str  # digest of the uncompressed layer, as the image's config says
    digest: str | None = None  # of the file, where the archive says so


@dataclass(frozen=True)
class SourceImage:
    """One image for one platform."""

    references: tuple[str, ...]  # full, sorted
    config: bytes
    config_digest: str | None  # where the archive says so
    arch: str
    layers: tuple[SourceLayer, ...]
    # The archive's own OCI manifest, kept byte for byte, so that its digest stays. None: one is made.
    manifest: bytes | None = None
    # The OCI index of the image's platforms that named it, byte for byte.
    index: bytes | None = None
    # Digest of what the archive's own index names: the manifest, or an index of platforms.
    origin: str | None = None
    # The reference by digest that somebody pinned it with.
    pinned: str | None = None


def arch_of(config: ImageConfig, where: str) -> str:
    """Return the image's architecture as `uname -m` says it; raises BundleError for another system."""
    arch = ARCHITECTURES.get(config.architecture)
    if arch is None or config.os != "linux":
        raise BundleError(
            "the image is for a machine that staithe does not know",
            where=where,
            found=f"{config.os}/{config.architecture}",
            expected=" or ".join(f"linux/{name}" for name in ARCHITECTURES),
            hint="pull it with `docker pull --platform linux/amd64 NAME:TAG` and save it again",
        )
    return arch


def unnamed(where: str) -> BundleError:
    """Return the error for an archive whose image has no name."""
    return BundleError(
        "an image in the archive has no name",
        where=where,
        expected="NAME:TAG",
        hint="save it by its name, not by its id: `docker save -o FILE NAME:TAG`",
    )
