"""Writes down images by their digests: what a tag leads to now, or what it led to when it was locked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from staithe.bundle import reference
from staithe.bundle.archive_files import opened, read_document
from staithe.bundle.documents import OCI_NAMES, Descriptor, Index
from staithe.bundle.layout import IMAGE_NAME, INDEX_FILE, INDEX_TYPES, OCI_LAYOUT_FILE, REF_NAME
from staithe.bundle.oci_archive import is_oci_layout
from staithe.bundle.source_image import ATTESTATION, arch_of
from staithe.errors import LockError
from staithe.sourcing.choice import Upgrade
from staithe.sourcing.description import Description
from staithe.sourcing.download import PARALLEL, Downloader, Wanted
from staithe.sourcing.image_documents import (
    chosen_platforms,
    media_type,
    read,
    read_config,
    read_manifest,
    refuse_missing,
)
from staithe.sourcing.image_source import ImageSource, LayoutSource, Registries
from staithe.sourcing.image_wish import ImageWish
from staithe.sourcing.lock_file import Lock, LockedOciImage, LockedPlatform
from staithe.sourcing.origin import located


def image_names(wish: ImageWish) -> set[str]:
    """Return the names that `bundle lock --upgrade` takes for an image from a registry."""
    if wish.reference is None:
        return set()
    names = {wish.reference, str(reference.parse(wish.reference)), wish.name, wish.host_name}
    return {one for one in names if one is not None}


def pin_warnings(description: Description) -> list[str]:
    """Return what has to be known of images that were asked for by digest."""
    return [
        f"{one.pinned}: hosts know this image as {reference.familiar(one.host_name)} alone, as `docker load` keeps "
        "no digests: write that name in compose files and commands"
        for one in description.image
        if one.pinned is not None and one.host_name is not None
    ]


@dataclass(frozen=True)
class ImageLocking:
    """The images of one `bundle lock`."""

    description: Description
    folder: Path
    former: Lock | None
    downloader: Downloader
    upgrade: Upgrade

    def run(self) -> tuple[LockedOciImage, ...]:
        """Return the images of all references and layouts; raises what its parts raise."""
        wishes = [one for one in self.description.image if one.archive is None]
        with Registries(self.description.registry, self.folder) as registries, ThreadPoolExecutor(PARALLEL) as pool:
            jobs = [pool.submit(self._lock, wish, registries) for wish in wishes]
            try:
                locked = [image for job in jobs for image in job.result()]
            except BaseException:
                self.downloader.stop()
                for job in jobs:
                    job.cancel()
                raise
        _refuse_double(locked)
        return tuple(locked)

    def _lock(self, wish: ImageWish, registries: Registries) -> list[LockedOciImage]:
        archs = [one for one in self.description.targets.archs if one in (wish.archs or (one,))]
        if wish.layout is not None:
            return list(self._layout(wish, wish.layout, archs))
        return [self._reference(wish, archs, registries)]

    def _reference(self, wish: ImageWish, archs: Sequence[str], registries: Registries) -> LockedOciImage:
        assert wish.reference is not None and wish.host_name is not None
        wanted = reference.parse(wish.reference)
        former = self._former(wish, str(wanted))
        if former is not None and {one.arch for one in former.platform} == set(archs):
            return former.model_copy(update={"name": wish.host_name})
        # Another architecture of the image that is locked, not of the one that its tag leads to now.
        pinned = f"sha256:{former.sha256}" if former is not None else None
        repository = registries.repository(wanted)
        top = repository.manifest_file(wanted.digest or pinned or wanted.tag or "")
        where = f"{wanted} ({top.url})"
        return self._image(repository, top, archs, where, name=wish.host_name, reference=str(wanted))

    def _former(self, wish: ImageWish, wanted: str) -> LockedOciImage | None:
        if self.former is None or self.upgrade.everything or self.upgrade.names & image_names(wish):
            return None
        return next((one for one in self.former.oci_image if one.reference == wanted), None)

    def _layout(self, wish: ImageWish, layout: str, archs: Sequence[str]) -> Iterator[LockedOciImage]:
        folder = Path(located(layout, self.folder))
        if not folder.is_dir():
            found = "a file" if folder.exists() else "nothing"
            raise _no_layout(layout, found, f"archive = {json.dumps(layout)}" if folder.exists() else None)
        with opened(folder, layout) as files:
            if not is_oci_layout(files):
                raise _no_layout(layout, ", ".join(sorted(one.name for one in folder.iterdir())[:5]) or "nothing")
            index = read(Index, read_document(files, INDEX_FILE), f"{layout}/{INDEX_FILE}")
        entries = [one for one in index.manifests if one.artifact_type is None and ATTESTATION not in one.annotations]
        if not entries or (wish.name is not None and len(entries) > 1):
            found = f"{len(entries)} images"
            expected = "one, as it is given a name" if wish.name else "at least one"
            raise LockError("the layout has another number of images", where=layout, found=found, expected=expected)
        for entry in entries:
            name = wish.host_name or _layout_name(entry, layout)
            source = LayoutSource(folder)
            top = source.manifest_file(entry.digest, entry.size)
            yield self._image(source, top, archs, f"{layout}: {name}", name=name, layout=layout)

    def _image(
        self, source: ImageSource, top: Wanted, archs: Sequence[str], where: str, **names: str
    ) -> LockedOciImage:
        got = self.downloader.fetch(top)
        content = got.path.read_bytes()
        if media_type(content, where) in INDEX_TYPES:
            chosen = chosen_platforms(content, archs, where)
            platforms = [self._platform(source, one.digest, one.size, where, arch) for arch, one in chosen.items()]
        else:
            one = self._platform(source, f"sha256:{got.sha256}", got.size, where)
            refuse_missing([one.arch], archs, [f"linux/{OCI_NAMES[one.arch]}"], where)
            platforms = [one]
        return LockedOciImage.model_validate(
            {**names, "sha256": got.sha256, "size": got.size, "platform": tuple(platforms)}
        )

    def _platform(
        self, source: ImageSource, digest: str, size: int, where: str, arch: str | None = None
    ) -> LockedPlatform:
        got = self.downloader.fetch(source.manifest_file(digest, size))
        manifest = read_manifest(got.path.read_bytes(), where)
        config = self.downloader.fetch(source.blob_file(manifest.config.digest, manifest.config.size))
        found = arch_of(read_config(config.path.read_bytes(), where), where)
        if arch not in (None, found):
            raise LockError("the image is for another machine than its index says", where=where, found=found)
        blobs = {one.digest: one.size for one in (manifest.config, *manifest.layers)}
        return LockedPlatform.model_validate(
            {
                "arch": found,
                "manifest": got.sha256,
                "manifest_size": got.size,
                "config": manifest.config.hex,
                "size": sum(blobs.values()),
            }
        )


def _no_layout(layout: str, found: str, right: str | None = None) -> LockError:
    return LockError(
        "this is no OCI image layout",
        where=layout,
        found=found,
        expected=f"a folder with {OCI_LAYOUT_FILE} and {INDEX_FILE}",
        hint=(right or 'layout = "FOLDER"') + " in its [[image]] of bundle.toml",
    )


def _layout_name(entry: Descriptor, layout: str) -> str:
    """Return the full name that a layout gives to an image; raises LockError."""
    notes = entry.annotations
    given = notes.get(IMAGE_NAME) or notes.get(REF_NAME) or ""
    if ":" not in given or given.endswith(":"):
        raise LockError(
            "an image of the layout has no name",
            where=layout,
            found=repr(given) if given else "none",
            expected="NAME:TAG",
            hint='name = "NAME:TAG" in its [[image]] of bundle.toml',
        )
    return reference.full(given)


def _refuse_double(images: Sequence[LockedOciImage]) -> None:
    names = [one.name for one in images]
    double = sorted({one for one in names if names.count(one) > 1})
    if double:
        raise LockError(
            f"two images have the name {', '.join(double)}",
            hint="name = ... in an [[image]] of bundle.toml; one index has all platforms of an image",
        )
