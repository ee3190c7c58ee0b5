"""What registries and layouts say of an image: manifests and indexes of platforms, read strictly. Pure."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence

from staithe.bundle.documents import (
    ARCHITECTURES,
    OCI_NAMES,
    Descriptor,
    DocumentT,
    ImageConfig,
    Index,
    Manifest,
    parse,
)
from staithe.bundle.layout import (
    BUNDLE_NAME,
    IMAGE_MANIFEST_TYPES,
    IMAGE_NAME,
    INDEX_TYPE,
    INDEX_TYPES,
    MANIFEST_TYPE,
)
from staithe.bundle.source_image import ATTESTATION
from staithe.errors import BundleError, LockError

# What staithe puts into bundles beside images, and the signatures of a pushed one.
_OUR_TYPES = "application/vnd.staithe."
_ZSTD = "io.github.containers.compression.zstd"


def media_type(content: bytes, where: str) -> str:
    """Return what a document of an image is; raises LockError for what is neither manifest nor index.

    OCI allows to leave the type out. One that could be either is refused (CVE-2021-41190).
    """
    try:
        data = json.loads(content)
        keys, said = set(data), data.get("mediaType")
    except (ValueError, AttributeError, TypeError, RecursionError):
        keys, said = set(), None
    is_index, is_manifest = "manifests" in keys, bool({"config", "layers"} & keys)
    if is_index and not is_manifest and said in (None, *INDEX_TYPES):
        return said or INDEX_TYPE
    if is_manifest and not is_index and said in (None, *IMAGE_MANIFEST_TYPES):
        return said or MANIFEST_TYPE
    raise LockError(
        "this is no image",
        where=where,
        found=repr(said)[:200] if said else "another document",
        expected="an image manifest or an index of platforms",
    )


def chosen_platforms(content: bytes, archs: Sequence[str], where: str) -> dict[str, Descriptor]:
    """Return the manifests of an index for these architectures; raises LockError with what is offered instead."""
    found: dict[str, Descriptor] = {}
    offers = []
    index = read(Index, content, where)
    _refuse_bundle(index, where)
    variants: dict[tuple[str, str | None], Descriptor] = {}
    for one in index.manifests:
        if one.platform is None or ATTESTATION in one.annotations or one.media_type not in IMAGE_MANIFEST_TYPES:
            continue
        offers.append(f"{one.platform.os}/{one.platform.architecture}")
        if one.platform.os == "linux" and one.platform.architecture in ARCHITECTURES:
            arch = ARCHITECTURES[one.platform.architecture]
            # podman puts a copy for newer engines behind the image itself.
            if arch not in found or _ZSTD not in one.annotations:
                _refuse_second(variants.setdefault((arch, one.platform.variant), one), one, where)
            # The first one, as engines choose: variants of an architecture that staithe knows run on all of it.
            found.setdefault(arch, one)
    refuse_missing(found, archs, offers, where)
    return {arch: found[arch] for arch in archs}


def _refuse_bundle(index: Index, where: str) -> None:
    """Raise LockError for an index of several images: a bundle, most likely."""
    kinds = [one.artifact_type for one in index.manifests if (one.artifact_type or "").startswith(_OUR_TYPES)]
    names = sorted({name for one in index.manifests if (name := one.annotations.get(IMAGE_NAME))})
    if kinds or BUNDLE_NAME in index.annotations:
        raise LockError(
            "this is no image",
            where=where,
            found="a bundle, as `staithe bundle push` puts it there",
            expected="an image manifest or an index of platforms",
            hint="reference = the image itself; hosts pull a bundle where transfer.registry names it",
        )
    if len(names) > 1:
        raise LockError(
            "this is no image",
            where=where,
            found=f"an index of several: {', '.join(names)}",
            expected="an index of the platforms of one image",
            hint="reference = one of them by its own tag, in an [[image]] each of bundle.toml",
        )


def _refuse_second(known: Descriptor, one: Descriptor, where: str) -> None:
    """Raise LockError when an index has two different images for the same platform."""
    if known.digest != one.digest and one.platform is not None:
        raise LockError(
            f"the index has two images for {one.platform.os}/{one.platform.architecture}",
            where=where,
            found=f"{known.digest} and {one.digest}",
            expected="each platform once",
            hint='reference = "NAME@sha256:..." of one of them, with a name, in its [[image]] of bundle.toml',
        )


def refuse_missing(found: Container[str], archs: Sequence[str], offers: Sequence[str], where: str) -> None:
    """Raise LockError when an image is not made for all of the architectures."""
    missing = [arch for arch in archs if arch not in found]
    if missing:
        raise LockError(
            f"the image is not made for {', '.join(f'linux/{OCI_NAMES[arch]}' for arch in missing)}",
            where=where,
            found=", ".join(dict.fromkeys(offers)) or "no platform",
            hint="archs = [...] of its [[image]] in bundle.toml says for which hosts it is",
        )


def read_manifest(content: bytes, where: str) -> Manifest:
    """Return an image's manifest; raises LockError, also for layers that old engines cannot load."""
    found = read(Manifest, content, where)
    if (found.artifact_type or "").startswith(_OUR_TYPES):
        raise LockError("this is no image", where=where, found=found.artifact_type, expected="an image manifest")
    if any(layer.media_type.endswith("+zstd") for layer in found.layers):
        raise LockError(
            "the image has layers that are compressed with zstd, which engines before 23.0 cannot load",
            where=where,
            hint="push it with gzip: docker buildx build --output type=image,compression=gzip,force-compression=true",
        )
    return found


def read_config(content: bytes, where: str) -> ImageConfig:
    """Return an image's config; raises LockError."""
    return read(ImageConfig, content, where)


def read(model: type[DocumentT], content: bytes, where: str) -> DocumentT:
    """Return a document; raises LockError."""
    try:
        return parse(model, content, where)
    except BundleError as error:
        raise LockError(error.message, where=where) from error
