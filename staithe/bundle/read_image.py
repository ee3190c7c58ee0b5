"""Images of a bundle: an entry of its index is a manifest, or an index of one image's platforms."""

from __future__ import annotations

from dataclasses import replace

from staithe.bundle import reference
from staithe.bundle.contents import ImageArtifact
from staithe.bundle.documents import ARCHITECTURES, Descriptor, Index, parse
from staithe.bundle.files import BundleFiles
from staithe.bundle.layout import (
    IMAGE_NAME,
    IMAGE_ORIGIN,
    IMAGE_PINNED,
    INDEX_FILE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    blob_name,
)
from staithe.bundle.read_blobs import AGAIN, blob, document, manifest, unknown
from staithe.errors import BundleError


def read_image(files: BundleFiles, entry: Descriptor) -> list[ImageArtifact]:
    """Return the images of an entry of the index, one for each platform; raises BundleError."""
    origin = entry.annotations.get(IMAGE_ORIGIN)
    if entry.media_type != INDEX_TYPE:
        return [_image(files, entry, entry, (origin,) if origin else ())]
    index = parse(Index, document(files, entry), files.place(blob_name(entry.digest)))
    archs = [one.platform.architecture if one.platform else "" for one in index.manifests]
    if len(set(archs)) != len(archs) or not archs:
        raise unknown(
            files.place(blob_name(entry.digest)), "form of an image", ", ".join(archs), "each platform once"
        )
    origins = (entry.digest, origin) if origin else (entry.digest,)
    return [_image(files, one, entry, origins) for one in index.manifests]


def joined(image: ImageArtifact, known: ImageArtifact | None) -> ImageArtifact:
    """Return an image with the names of both; two entries may be the same image."""
    if known is None:
        return image
    return replace(
        known,
        references=tuple(sorted({*known.references, *image.references})),
        origins=tuple(dict.fromkeys((*known.origins, *image.origins))),
        pinned=known.pinned or image.pinned,
    )


def _image(files: BundleFiles, descriptor: Descriptor, entry: Descriptor, origins: tuple[str, ...]) -> ImageArtifact:
    where = files.place(INDEX_FILE if descriptor is entry else blob_name(entry.digest))
    if descriptor.media_type != MANIFEST_TYPE:
        raise unknown(where, "type of a manifest", descriptor.media_type, MANIFEST_TYPE)
    name = entry.annotations.get(IMAGE_NAME)
    platform = descriptor.platform
    if name is None or platform is None or platform.architecture not in ARCHITECTURES:
        raise BundleError(
            f"the image {descriptor.digest} has no {'name' if name is None else 'known platform'}",
            where=where,
            hint=AGAIN,
        )
    parts = manifest(files, descriptor)
    return ImageArtifact(
        references=(reference.familiar(name),),
        arch=ARCHITECTURES[platform.architecture],
        manifest=blob(files, descriptor),
        config=blob(files, parts.config),
        layers=tuple(blob(files, layer) for layer in parts.layers),
        origins=origins,
        pinned=entry.annotations.get(IMAGE_PINNED),
    )
