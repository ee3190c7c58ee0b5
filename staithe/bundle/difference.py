"""What differs between two bundles, as a person wants to read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from staithe.bundle.contents import Blob, Bundle, EngineArtifact, ImageArtifact

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Item:
    """One thing of a bundle: an engine for a machine, or an image for one."""

    what: str  # engine 28.5.2, image app:1
    arch: str
    digest: str
    blobs: tuple[Blob, ...]

    @property
    def size_bytes(self) -> int:
        return sum(blob.size_bytes for blob in self.blobs)


@dataclass(frozen=True)
class Difference:
    """One thing that came, went or became another."""

    kind: Kind
    what: str
    arch: str
    before: Item | None
    after: Item | None


def differences(old: Bundle, new: Bundle) -> tuple[Difference, ...]:
    """Return what differs, in a fixed order; empty when both hold the same."""
    before, after = ({(one.what, one.arch): one for one in items(bundle)} for bundle in (old, new))
    found = []
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        if was is None or now is None or was.digest != now.digest:
            kind: Kind = "added" if was is None else "removed" if now is None else "changed"
            found.append(Difference(kind, *key, was, now))
    return tuple(found)


def transfer_bytes(old: Bundle, new: Bundle) -> int:
    """Return the bytes that somebody who has `old` needs for `new`: each blob once."""
    there = {blob.digest for item in items(old) for blob in item.blobs}
    wanted = {blob.digest: blob.size_bytes for item in items(new) for blob in item.blobs}
    return sum(size for digest, size in wanted.items() if digest not in there)


def items(bundle: Bundle) -> tuple[Item, ...]:
    """Return everything that the bundle holds; an image once for each of its names."""
    return (*_engines(bundle.engines), *_images(bundle.images))


def _engines(engines: Iterable[EngineArtifact]) -> Iterable[Item]:
    for one in engines:
        yield Item(f"engine {one.version}", one.arch, one.archive.digest, (one.archive,))


def _images(images: Iterable[ImageArtifact]) -> Iterable[Item]:
    for one in images:
        for reference in one.references:
            yield Item(f"image {reference}", one.arch, one.config.digest, one.blobs)
