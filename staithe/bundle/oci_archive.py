"""Reads an OCI image layout, as a folder or a tar: skopeo, buildx, and docker save since 25.0 write it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from staithe.bundle import reference
from staithe.bundle.archive_files import ArchiveFiles, read_document
from staithe.bundle.docker_archive import MANIFEST_FILE, tags_by_config
from staithe.bundle.documents import ARCHITECTURES, Descriptor, ImageConfig, Index, LayoutVersion, Manifest, parse
from staithe.bundle.layout import (
    BLOBS,
    IMAGE_NAME,
    IMAGE_PINNED,
    INDEX_FILE,
    INDEX_TYPE,
    INDEX_TYPES,
    MANIFEST_TYPE,
    OCI_LAYOUT_FILE,
    OCI_LAYOUT_VERSION,
    REF_NAME,
)
from staithe.bundle.source_image import ATTESTATION, SourceImage, SourceLayer, arch_of, unnamed
from staithe.errors import BundleError

# An index of indexes: buildx nests once.
_DEPTH_LIMIT = 4
_IMAGES_LIMIT = 1000


@dataclass(frozen=True)
class _Named:
    """What the entries above give to an image manifest."""

    name: str | None = None
    pinned: str | None = None
    index: bytes | None = None
    origin: str | None = None


def is_oci_layout(files: ArchiveFiles) -> bool:
    """Whether the archive says that it is an OCI image layout."""
    return files.has(OCI_LAYOUT_FILE) and files.has(INDEX_FILE)


def read_oci_archive(files: ArchiveFiles) -> list[SourceImage]:
    """Return the images of the layout, one for each platform that staithe knows and that is there.

    Raises BundleError when it is not whole or holds no such image.
    """
    layout = parse(LayoutVersion, read_document(files, OCI_LAYOUT_FILE), f"{files.where}: {OCI_LAYOUT_FILE}")
    if layout.version != OCI_LAYOUT_VERSION:
        raise BundleError(
            "unknown version of the OCI image layout",
            where=files.where,
            found=repr(layout.version),
            expected=OCI_LAYOUT_VERSION,
        )
    index = parse(Index, read_document(files, INDEX_FILE), f"{files.where}: {INDEX_FILE}")
    tags = tags_by_config(files) if files.has(MANIFEST_FILE) else {}
    found: dict[str, SourceImage] = {}
    for number, (descriptor, named) in enumerate(_manifests(files, index, _Named(), 0, set())):
        if number >= _IMAGES_LIMIT:
            raise BundleError(f"the layout names more than {_IMAGES_LIMIT} images", where=files.where)
        image = _image(files, descriptor, named, tags)
        known = found.get(descriptor.digest, image)
        references = tuple(sorted({*image.references, *known.references}))
        found[descriptor.digest] = replace(known, references=references)
    if not found:
        raise BundleError("the layout holds no image", where=files.where, hint="make it again with `docker save`")
    if any(not image.references for image in found.values()):
        raise unnamed(files.where)
    return list(found.values())


def _manifests(
    files: ArchiveFiles, index: Index, above: _Named, depth: int, seen: set[tuple[str, str | None]]
) -> Iterator[tuple[Descriptor, _Named]]:
    """Yield every image manifest below `index` with what the entries above give it."""
    if depth > _DEPTH_LIMIT:
        raise BundleError("the layout nests indexes too deep", where=files.where)
    for descriptor in index.manifests:
        given = replace(_given(descriptor, above), origin=above.origin or descriptor.digest)
        if ATTESTATION in descriptor.annotations or descriptor.artifact_type is not None:
            continue
        path = f"{BLOBS}/{descriptor.hex}"
        if (descriptor.digest, given.name) in seen:
            continue  # indexes that name each other a thousand times would be read a million times
        seen.add((descriptor.digest, given.name))
        if descriptor.media_type in INDEX_TYPES:
            content = _checked(files, descriptor)
            below = replace(given, index=content if descriptor.media_type == INDEX_TYPE else None)
            yield from _manifests(files, parse(Index, content, f"{files.where}: {path}"), below, depth + 1, seen)
        elif depth == 0 or (_is_known(descriptor) and files.has(path)):
            # Inside an image's index the platforms that were not saved are named all the same.
            yield descriptor, given


def _given(descriptor: Descriptor, above: _Named) -> _Named:
    # What a registry has says nothing about its own name: whoever named it from above has the word.
    if _is_name(above.name):
        return above
    notes = descriptor.annotations
    return replace(
        above,
        name=notes.get(IMAGE_NAME) or notes.get(REF_NAME) or above.name,
        pinned=notes.get(IMAGE_PINNED) or above.pinned,
    )


def _is_name(given: str | None) -> bool:
    # docker save writes the whole name into one annotation and only the tag into the other.
    return given is not None and ":" in given


def _is_known(descriptor: Descriptor) -> bool:
    platform = descriptor.platform
    return platform is None or (platform.os == "linux" and platform.architecture in ARCHITECTURES)


def _image(
    files: ArchiveFiles, descriptor: Descriptor, named: _Named, tags: dict[str, tuple[str, ...]]
) -> SourceImage:
    where = f"{files.where}: {BLOBS}/{descriptor.hex}"
    content = _checked(files, descriptor)
    manifest = parse(Manifest, content, where)
    config_content = _checked(files, manifest.config)
    config = parse(ImageConfig, config_content, f"{files.where}: {BLOBS}/{manifest.config.hex}")
    diff_ids = config.rootfs.diff_ids
    if len(diff_ids) != len(manifest.layers):
        raise BundleError(
            "the image has not the layers that its config names",
            where=where,
            found=f"{len(manifest.layers)} layers",
            expected=f"{len(diff_ids)}",
        )
    return SourceImage(
        references=_references(named.name, tags.get(manifest.config.digest, ())),
        config=config_content,
        config_digest=manifest.config.digest,
        arch=arch_of(config, files.where),
        layers=tuple(
            SourceLayer(f"{BLOBS}/{layer.hex}", diff_id, layer.digest)
            for layer, diff_id in zip(manifest.layers, diff_ids, strict=True)
        ),
        manifest=content if descriptor.media_type == MANIFEST_TYPE else None,
        index=named.index,
        origin=named.origin,
        pinned=named.pinned,
    )


def _references(name: str | None, tags: tuple[str, ...]) -> tuple[str, ...]:
    names = {reference.full(name)} if name is not None and _is_name(name) else set()
    return tuple(sorted({*names, *tags}))


def _checked(files: ArchiveFiles, descriptor: Descriptor) -> bytes:
    """Return a document that must have the digest it is named by."""
    name = f"{BLOBS}/{descriptor.hex}"
    content = read_document(files, name)
    found = hashlib.sha256(content).hexdigest()
    if found != descriptor.hex:
        raise BundleError(f"{name} is not what its name says", where=files.where, found=f"sha256:{found}")
    return content
