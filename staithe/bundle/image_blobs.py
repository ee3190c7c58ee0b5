"""Copies an image's blobs into a bundle and proves each layer by the digest of its uncompressed content."""

from __future__ import annotations

import gzip
import hashlib
import zlib

from staithe.bundle import reference
from staithe.bundle.archive_files import ArchiveFiles
from staithe.bundle.blob_store import CHUNK_BYTES, BlobStore
from staithe.bundle.contents import Blob, ImageArtifact
from staithe.bundle.documents import Manifest, dump, parse
from staithe.bundle.layout import IMAGE_CONFIG_TYPE, LAYER_GZIP_TYPE, LAYER_TYPE, MANIFEST_TYPE
from staithe.bundle.source_image import SourceImage, SourceLayer
from staithe.bundle.tar_headers import Unpacked
from staithe.errors import BundleError

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def add_image(image: SourceImage, files: ArchiveFiles, store: BlobStore) -> ImageArtifact:
    """Copy the image's config and layers as they are, and its manifest (made here when the archive has no OCI one).

    Raises BundleError for a layer that is not what the config or the archive says.
    """
    config = store.add_bytes(image.config, IMAGE_CONFIG_TYPE)
    _compare("the image's config", image.config_digest, config.digest, files)
    layers = tuple(_add_layer(layer, files, store) for layer in image.layers)
    if image.manifest is None:
        manifest = store.add_bytes(_manifest(config, layers), MANIFEST_TYPE)
    else:
        described = parse(Manifest, image.manifest, files.where)
        config = Blob(config.digest, config.size_bytes, described.config.media_type)
        layers = tuple(
            Blob(layer.digest, layer.size_bytes, descriptor.media_type)
            for layer, descriptor in zip(layers, described.layers, strict=True)
        )
        for blob, descriptor in zip((config, *layers), (described.config, *described.layers), strict=True):
            _compare(f"the size of {blob.digest}", str(descriptor.size), str(blob.size_bytes), files)
        manifest = store.add_bytes(image.manifest, MANIFEST_TYPE)
    references = tuple(reference.familiar(name) for name in image.references)
    return ImageArtifact(references, image.arch, manifest, config, layers)


def _add_layer(layer: SourceLayer, files: ArchiveFiles, store: BlobStore) -> Blob:
    with files.open(layer.name) as stream:
        blob = store.add_stream(stream, LAYER_TYPE)
    _compare(layer.name, layer.digest, blob.digest, files)
    with store.open(blob) as stream:
        magic = stream.read(4)
    if magic == _ZSTD:
        raise BundleError(
            f"{layer.name} is compressed with zstd, which engines before 23.0 cannot load",
            where=files.where,
            hint="pull the image with docker and save it with `docker save`",
        )
    compressed = magic[:2] == _GZIP
    _compare(f"{layer.name}, uncompressed,", layer.diff_id, _diff_id(blob, store, layer, files, compressed), files)
    return Blob(blob.digest, blob.size_bytes, LAYER_GZIP_TYPE if compressed else LAYER_TYPE)


def _diff_id(blob: Blob, store: BlobStore, layer: SourceLayer, files: ArchiveFiles, compressed: bool) -> str:
    if not compressed:
        return blob.digest
    digest = hashlib.sha256()
    try:
        with store.open(blob) as stream, Unpacked(stream, blob.size_bytes) as content:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BundleError(f"{layer.name} is damaged or cut short: {error}", where=files.where) from error
    return f"sha256:{digest.hexdigest()}"


def _manifest(config: Blob, layers: tuple[Blob, ...]) -> bytes:
    return dump(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": descriptor(config),
            "layers": [descriptor(layer) for layer in layers],
        }
    )


def descriptor(blob: Blob) -> dict[str, str | int]:
    """Return the OCI descriptor of `blob`."""
    return {"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size_bytes}


def _compare(what: str, expected: str | None, found: str, files: ArchiveFiles) -> None:
    if expected is not None and expected != found:
        raise BundleError(
            f"{what} is not what the archive says it is",
            where=files.where,
            found=found,
            expected=expected,
            hint="the archive is damaged; make it again with `docker save`",
        )
