"""Reads an OCI image layout, as a folder or a tar: skopeo, buildx, and docker save since 25.0 write it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from staithe.bundle import reference
from staithe.bundle.archive_files import ArchiveFiles, read_document
from staithe.bundle.docker_archive import MANIFEST_FILE, tags_by_config
from staithe.bundle.documents import ARCHITECTURES, Descriptor, ImageConfig, Index, LayoutVersion, Manifest, parse
from staithe.bundle.layout import (
    BLOBS,
    IMAGE_NAME,
    INDEX_FILE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    OCI_LAYOUT_FILE,
    OCI_LAYOUT_VERSION,
    REF_NAME,
)
from staithe.bundle.source_image import SourceImage, SourceLayer, arch_of, unnamed
from staithe.errors import BundleError

_INDEX_TYPES = (INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")
# Provenance that buildx puts beside an image; it is no image.
_ATTESTATION = "vnd.docker.reference.type"
# An index of indexes: buildx nests once.
_DEPTH_LIMIT = 4
_IMAGES_LIMIT = 1000


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
    for number, (descriptor, name) in enumerate(_manifests(files, index, None, 0, set())):
        if number >= _IMAGES_LIMIT:
            raise BundleError(f"the layout names more than {_IMAGES_LIMIT} images", where=files.where)
        image = _image(files, descriptor, name, tags)
        known = found.get(descriptor.digest)
        references = {*image.references, *(known.references if known else ())}
        found[descriptor.digest] = SourceImage(
            tuple(sorted(references)), image.config, image.config_digest, image.arch, image.layers, image.manifest
        )
    if not found:
        raise BundleError("the layout holds no image", where=files.where, hint="make it again with `docker save`")
    if any(not image.references for image in found.values()):
        raise unnamed(files.where)
    return list(found.values())


def _manifests(
    files: ArchiveFiles, index: Index, name: str | None, depth: int, seen: set[tuple[str, str | None]]
) -> Iterator[tuple[Descriptor, str | None]]:
    """Yield every image manifest below `index` with the name that the entry above gives it."""
    if depth > _DEPTH_LIMIT:
        raise BundleError("the layout nests indexes too deep", where=files.where)
    for descriptor in index.manifests:
        given = descriptor.annotations.get(IMAGE_NAME) or descriptor.annotations.get(REF_NAME) or name
        if _ATTESTATION in descriptor.annotations or descriptor.artifact_type is not None:
            continue
        path = f"{BLOBS}/{descriptor.hex}"
        if (descriptor.digest, given) in seen:
            continue  # indexes that name each other a thousand times would be read a million times
        seen.add((descriptor.digest, given))
        if descriptor.media_type in _INDEX_TYPES:
            content = _checked(files, descriptor)
            yield from _manifests(files, parse(Index, content, f"{files.where}: {path}"), given, depth + 1, seen)
        elif depth == 0 or (_is_known(descriptor) and files.has(path)):
            # Inside an image's index the platforms that were not saved are named all the same.
            yield descriptor, given


def _is_known(descriptor: Descriptor) -> bool:
    platform = descriptor.platform
    return platform is None or (platform.os == "linux" and platform.architecture in ARCHITECTURES)


def _image(
    files: ArchiveFiles, descriptor: Descriptor, name: str | None, tags: dict[str, tuple[str, ...]]
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
        references=_references(name, tags.get(manifest.config.digest, ())),
        config=config_content,
        config_digest=manifest.config.digest,
        arch=arch_of(config, files.where),
        layers=tuple(
            SourceLayer(f"{BLOBS}/{layer.hex}", diff_id, layer.digest)
            for layer, diff_id in zip(manifest.layers, diff_ids, strict=True)
        ),
        manifest=content if descriptor.media_type == MANIFEST_TYPE else None,
    )


def _references(name: str | None, tags: tuple[str, ...]) -> tuple[str, ...]:
    # docker save writes the whole name into one annotation and only the tag into the other.
    names = {reference.full(name)} if name is not None and ":" in name else set()
    return tuple(sorted({*names, *tags}))


def _checked(files: ArchiveFiles, descriptor: Descriptor) -> bytes:
    """Return a document that must have the digest it is named by."""
    name = f"{BLOBS}/{descriptor.hex}"
    content = read_document(files, name)
    found = hashlib.sha256(content).hexdigest()
    if found != descriptor.hex:
        raise BundleError(f"{name} is not what its name says", where=files.where, found=f"sha256:{found}")
    return content
