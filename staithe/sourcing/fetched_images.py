"""The images of a lock, fetched by their digests, as a layout that the bundle is built from."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from staithe.bundle import reference
from staithe.bundle.documents import Manifest, dump
from staithe.bundle.layout import (
    IMAGE_NAME,
    IMAGE_PINNED,
    INDEX_FILE,
    INDEX_TYPE,
    OCI_LAYOUT_FILE,
    OCI_LAYOUT_VERSION,
    REF_NAME,
    blob_name,
)
from staithe.errors import BundleError, LockError
from staithe.sourcing.download import Downloader, Wanted
from staithe.sourcing.image_documents import media_type, read_manifest
from staithe.sourcing.image_source import ImageSource, LayoutSource, Registries
from staithe.sourcing.lock_file import LockedOciImage, LockedPlatform
from staithe.sourcing.origin import located


@dataclass(frozen=True)
class FetchedImages:
    """Images whose manifests are here; their blobs are `wanted`. Of an index only the platforms of the lock."""

    images: tuple[LockedOciImage, ...]
    # Manifests and indexes, by digest in hex.
    documents: Mapping[str, Path]
    wanted: tuple[Wanted, ...]

    def layout(self, paths: Mapping[str, Path]) -> FetchedLayout:
        """Return the layout; `paths`: where the blobs are, by digest in hex."""
        files = {blob_name(digest): path for digest, path in {**paths, **self.documents}.items()}
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [self._entry(one) for one in self.images],
        }
        texts = {
            OCI_LAYOUT_FILE: dump({"imageLayoutVersion": OCI_LAYOUT_VERSION}),
            INDEX_FILE: dump(index),
        }
        return FetchedLayout(texts, files)

    def _entry(self, image: LockedOciImage) -> dict[str, object]:
        notes = {IMAGE_NAME: image.name, REF_NAME: image.name}
        found = reference.parse(image.reference) if image.reference is not None else None
        if found is not None and found.digest is not None:
            notes[IMAGE_PINNED] = f"{found.name}@{found.digest}"
        content = self.documents[image.sha256].read_bytes()
        return {
            "mediaType": media_type(content, image.name),
            "digest": f"sha256:{image.sha256}",
            "size": image.size,
            "annotations": notes,
        }


@dataclass(frozen=True)
class FetchedLayout:
    """Files of an OCI layout that lie in a cache."""

    texts: Mapping[str, bytes]
    files: Mapping[str, Path]
    where: str = field(default="the images of bundle.lock")

    def has(self, name: str) -> bool:
        return name in self.texts or name in self.files

    def open(self, name: str) -> IO[bytes]:
        if name in self.texts:
            return io.BytesIO(self.texts[name])
        if name not in self.files:
            raise BundleError(f"{name} was not fetched", where=self.where)
        return self.files[name].open("rb")


def fetch_images(
    images: Sequence[LockedOciImage], registries: Registries, downloader: Downloader, folder: Path
) -> FetchedImages:
    """Fetch manifests and indexes, and tell which blobs are wanted; raises DownloadFailed, LockError."""
    sources = [_source(one, registries, folder) for one in images]
    files: dict[str, Wanted] = {}
    for image, source in zip(images, sources, strict=True):
        for digest, size in ((image.sha256, image.size), *((p.manifest, p.manifest_size) for p in image.platform)):
            files.setdefault(digest, source.manifest_file(f"sha256:{digest}", size))
    documents = {got.sha256: got.path for got in downloader.fetch_all(files.values())}
    blobs: dict[str, Wanted] = {}
    for image, source in zip(images, sources, strict=True):
        for platform, manifest in _manifests(image, documents):
            if manifest.config.hex != platform.config:
                raise LockError(
                    "the config of the image is not that of the lock",
                    where=image.name,
                    found=manifest.config.hex,
                    expected=platform.config,
                    hint=f"staithe bundle lock --upgrade {image.reference or image.name}",
                )
            for one in (manifest.config, *manifest.layers):
                blobs.setdefault(one.hex, source.blob_file(one.digest, one.size))
    return FetchedImages(tuple(images), documents, tuple(blobs.values()))


def _source(image: LockedOciImage, registries: Registries, folder: Path) -> ImageSource:
    if image.layout is not None:
        return LayoutSource(Path(located(image.layout, folder)))
    return registries.repository(reference.parse(image.reference or ""))


def _manifests(image: LockedOciImage, documents: Mapping[str, Path]) -> Iterator[tuple[LockedPlatform, Manifest]]:
    for platform in image.platform:
        yield platform, read_manifest(documents[platform.manifest].read_bytes(), image.name)
