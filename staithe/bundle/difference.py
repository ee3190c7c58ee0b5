"""What differs between two bundles, as a person wants to read it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from staithe.bundle.contents import Blob, Bundle, EngineArtifact, ImageArtifact, Package, PackageSet

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Item:
    """One thing of a bundle: an engine or an image for a machine, or a package for a kind of host."""

    what: str  # engine 28.5.2, image app:1, package containerd.io
    arch: str  # x86_64; of packages el9-x86_64
    version: str  # what tells it from others of that name: of packages VERSION-RELEASE, else a part of the digest
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
    """Return what differs, in a fixed order; empty when both hold the same engines, images and packages."""
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
    there = {blob.digest for blob in _blobs(old)}
    wanted = {blob.digest: blob.size_bytes for blob in _blobs(new)}
    return sum(size for digest, size in wanted.items() if digest not in there)


def _blobs(bundle: Bundle) -> Iterable[Blob]:
    yield from (blob for item in items(bundle) for blob in item.blobs)
    # What belongs to no single package.
    yield from (blob for one in bundle.package_sets for blob in one.blobs)


def items(bundle: Bundle) -> tuple[Item, ...]:
    """Return everything that the bundle holds; an image once for each of its names."""
    return (*_engines(bundle.engines), *_images(bundle.images), *_packages(bundle.package_sets))


def _engines(engines: Iterable[EngineArtifact]) -> Iterable[Item]:
    for one in engines:
        yield Item(f"engine {one.version}", one.arch, _short(one.archive.digest), one.archive.digest, (one.archive,))


def _images(images: Iterable[ImageArtifact]) -> Iterable[Item]:
    for one in images:
        for reference in one.references:
            yield Item(f"image {reference}", one.arch, _short(one.config.digest), one.config.digest, one.blobs)


def _packages(package_sets: Iterable[PackageSet]) -> Iterable[Item]:
    for one in package_sets:
        where = f"{one.target} {one.engine}" if one.engine else one.target
        names = Counter(_name(package) for package in one.packages)
        for package in one.packages:
            name = _name(package)
            # A set may have two versions of a package; each is then a thing of its own.
            what = name if names[name] == 1 else package.nevra
            version = package.nevra.removeprefix(f"{name}-").rpartition(".")[0]
            yield Item(f"package {what}", where, version, package.blob.digest, (package.blob,))


def _name(package: Package) -> str:
    return package.nevra.rsplit("-", 2)[0]


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
