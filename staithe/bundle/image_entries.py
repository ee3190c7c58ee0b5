"""Images as entries of a bundle's index: one for each name. Platforms of one name stand in an index of their own.

That is the image's own index, byte for byte, where the bundle has everything that it names. Otherwise, as an index
must not name what is not there, it is a new one of the platforms that are (of a single one: the manifest itself). Of
docker's own manifests there are none: layouts have OCI's, with the same config and layers. Where the entry is another
document than the one that the image was taken from, it has that one's digest (`dev.staithe.image.origin`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from staithe.bundle import reference
from staithe.bundle.archive_files import ArchiveFiles, KeptArchive, opened
from staithe.bundle.blob_store import BlobStore
from staithe.bundle.contents import ImageArtifact
from staithe.bundle.documents import ARCHITECTURES, OCI_NAMES, Index, dump, parse
from staithe.bundle.image_archive import read_image_archive
from staithe.bundle.image_blobs import add_image, descriptor
from staithe.bundle.layout import IMAGE_NAME, IMAGE_ORIGIN, IMAGE_PINNED, INDEX_TYPE, REF_NAME
from staithe.bundle.source_image import SourceImage
from staithe.errors import BundleError

T = TypeVar("T")


@dataclass(frozen=True)
class _Stored:
    """An image whose blobs are in the bundle, and where it came from."""

    artifact: ImageArtifact
    source: SourceImage

    @property
    def entry(self) -> dict[str, Any]:
        return {**descriptor(self.artifact.manifest), "platform": platform(self.artifact.arch)}


def platform(arch: str) -> dict[str, str]:
    """Return an architecture, as `uname -m` says it, in the words of OCI."""
    return {"architecture": OCI_NAMES[arch], "os": "linux"}


def image_entries(archives: Iterable[Path | KeptArchive | ArchiveFiles], store: BlobStore) -> list[dict[str, Any]]:
    """Store all images of the archives, and return the index's entries for them; raises BundleError."""
    by_name: dict[str, dict[str, _Stored]] = {}
    for archive in archives:
        with _files(archive) as files:
            for source in read_image_archive(files):
                stored = _Stored(add_image(source, files, store), source)
                for name in stored.artifact.references:
                    there = by_name.setdefault(reference.full(name), {})
                    refuse_other(there.setdefault(source.arch, stored).entry, stored.entry, reference.full(name))
    return [_entry(name, [there[arch] for arch in sorted(there)], store) for name, there in by_name.items()]


def _files(archive: Path | KeptArchive | ArchiveFiles) -> AbstractContextManager[ArchiveFiles]:
    if isinstance(archive, Path):
        return opened(archive)
    return opened(archive.path, archive.where) if isinstance(archive, KeptArchive) else nullcontext(archive)


def refuse_other(known: Mapping[str, Any], entry: Mapping[str, Any], name: str) -> None:
    """Raise BundleError when two entries for one name and platform are not the same thing."""
    if known["digest"] != entry["digest"]:
        oci_name = entry.get("platform", {}).get("architecture", "")
        raise BundleError(
            f"two files claim to be {name} for {ARCHITECTURES.get(oci_name, oci_name)}",
            found=f"{known['digest']} and {entry['digest']}",
            hint="name only one of them",
        )


def _entry(name: str, images: list[_Stored], store: BlobStore) -> dict[str, Any]:
    notes = {IMAGE_NAME: name, REF_NAME: name}
    pinned = next((one.source.pinned for one in images if one.source.pinned), None)
    if pinned is not None:
        notes[IMAGE_PINNED] = pinned
    origin, index = _common({one.source.origin for one in images}), _common({one.source.index for one in images})
    if index is not None and _names(index) == {one.artifact.manifest.digest for one in images}:
        entry: dict[str, Any] = descriptor(store.add_bytes(index, INDEX_TYPE))
    elif len(images) == 1:
        entry = images[0].entry
    else:
        made = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [one.entry for one in images]}
        entry = descriptor(store.add_bytes(dump(made), INDEX_TYPE))
    if origin not in (None, entry["digest"]):
        notes[IMAGE_ORIGIN] = str(origin)
    return {**entry, "annotations": notes}


def _common(values: set[T | None]) -> T | None:
    """Return what all images of a name have in common; None for images of several archives."""
    return values.pop() if len(values) == 1 else None


def _names(index: bytes) -> set[str]:
    return {one.digest for one in parse(Index, index, "the image's index").manifests}
