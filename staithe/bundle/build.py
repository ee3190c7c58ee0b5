"""Makes a bundle from local files. The same files give the same bytes: no times, no order of arguments."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staithe.bundle.archive_files import ArchiveFiles, KeptArchive
from staithe.bundle.artifact import add_artifact
from staithe.bundle.attachment import Attachment, add_attachment
from staithe.bundle.blob_store import BlobStore
from staithe.bundle.contents import Bundle
from staithe.bundle.documents import EngineConfig, dump
from staithe.bundle.engine_archive import add_engine_archive
from staithe.bundle.image_blobs import descriptor
from staithe.bundle.image_entries import image_entries, platform, refuse_other
from staithe.bundle.layout import (
    BLOBS,
    BUNDLE_NAME,
    ENGINE_ARTIFACT_TYPE,
    ENGINE_CONFIG_TYPE,
    ENGINE_VERSION,
    INDEX_FILE,
    INDEX_TYPE,
    LOCK_SERIAL,
    OCI_LAYOUT_FILE,
    OCI_LAYOUT_VERSION,
    REF_NAME,
    SIGNATURES,
)
from staithe.bundle.package_set import PackageSource, add_package_set
from staithe.bundle.read import read_bundle
from staithe.errors import BundleError
from staithe.shell import word


@dataclass(frozen=True)
class EngineSource:
    """A static engine archive on this machine."""

    path: Path
    version: str


def build(
    engines: Sequence[EngineSource],
    images: Sequence[Path | KeptArchive | ArchiveFiles],
    out: Path,
    *,
    replace: bool = False,
    name: str = "",
    serial: int | None = None,
    package_sets: Sequence[PackageSource] = (),
    attachments: Sequence[Attachment] = (),
    check: Callable[[Bundle], None] = lambda bundle: None,
) -> Bundle:
    """Write a bundle to `out` and return it as it is read back.

    Bundles of one `name` are generations of one another: hosts refuse one with a lower `serial` than they had.

    It appears whole or not at all, and not when `check` raises. An existing bundle gives way only with `replace`,
    any other folder never. Raises BundleError.
    """
    out = out.absolute()
    with _written(out), _draft(out) as draft:
        check_target(out, replace)
        store = BlobStore(draft)
        entries = [_engine_entry(source, store) for source in engines]
        entries.extend(image_entries(images, store))
        entries.extend(add_package_set(source, store) for source in package_sets)
        entries.extend(add_attachment(one, store) for one in attachments)
        _write_index(draft, entries, _annotations(name, serial))
        draft.chmod(0o755)
        check(read_bundle(draft))
        _swap(draft, out)
    return read_bundle(out)


@contextmanager
def _written(out: Path) -> Iterator[None]:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise BundleError(
            f"the bundle cannot be made: {error.strerror or error}",
            where=str(error.filename or out),
            hint=f"df -h {word(str(out.parent))}" if error.errno == errno.ENOSPC else None,
        ) from error


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out`, held against other builds; what a killed one left is taken away first."""
    draft, former = _beside(out, "draft"), _beside(out, "former")
    draft.mkdir(exist_ok=True)
    handle = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BundleError("another build writes this bundle", where=str(out), hint="wait for its end") from error
        if former.exists() and not out.exists():
            former.rename(out)
        shutil.rmtree(former, ignore_errors=True)
        try:
            for path in draft.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    finally:
        os.close(handle)


def check_target(out: Path, replace: bool) -> None:
    """Raise BundleError when a bundle cannot be written to `out` because of what is there."""
    if not out.exists() and not out.is_symlink():
        return
    if out.is_dir() and not any(out.iterdir()):
        return
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    ours = {OCI_LAYOUT_FILE, INDEX_FILE, BLOBS.partition("/")[0]}
    if names - {SIGNATURES} != ours:
        raise BundleError(
            "there is something else than a bundle in the way; it is not overwritten",
            where=str(out),
            found=", ".join(sorted(names)[:5]) or "no folder",
            hint="name another folder with --out",
        )
    if not replace:
        raise BundleError("there is a bundle already", where=str(out), hint="replace it with --force")


def _swap(draft: Path, out: Path) -> None:
    if not out.exists():
        draft.rename(out)
        return
    former = _beside(out, "former")
    out.rename(former)
    try:
        draft.rename(out)
    except OSError:
        former.rename(out)
        raise
    shutil.rmtree(former, ignore_errors=True)


def _beside(out: Path, what: str) -> Path:
    return out.with_name(f".{out.name}.{what}")


def _annotations(name: str, serial: int | None) -> dict[str, str]:
    found = {BUNDLE_NAME: name} if name else {}
    return found | ({LOCK_SERIAL: str(serial)} if serial is not None else {})


def _write_index(root: Path, entries: list[dict[str, Any]], annotations: dict[str, str]) -> None:
    (root / OCI_LAYOUT_FILE).write_bytes(dump({"imageLayoutVersion": OCI_LAYOUT_VERSION}))
    index: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": _unique(entries)}
    if annotations:
        index["annotations"] = annotations
    (root / INDEX_FILE).write_bytes(dump(index))


def _engine_entry(source: EngineSource, store: BlobStore) -> dict[str, Any]:
    found = add_engine_archive(source.path, store)
    config = EngineConfig.model_validate(
        {"schema_version": 1, "version": source.version, "arch": found.arch, "programs": found.programs}
    )
    config_blob = store.add_bytes(dump(config.model_dump(mode="json")), ENGINE_CONFIG_TYPE)
    names = {REF_NAME: f"engine:{source.version}-{found.arch}", ENGINE_VERSION: source.version}
    entry = add_artifact(store, ENGINE_ARTIFACT_TYPE, config_blob, [descriptor(found.archive)], names)
    return {**entry, "platform": platform(found.arch)}


def _unique(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries in a fixed order, each once; raises BundleError when two claim one name and platform."""
    by_name: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        key = (entry["annotations"][REF_NAME], entry.get("platform", {}).get("architecture", ""))
        refuse_other(by_name.setdefault(key, entry), entry, key[0])
    return [by_name[key] for key in sorted(by_name)]
