"""Writes a bundle for a journey: into one tar, volumes of it, or a folder; whole, or only what somebody lacks.

The same bundle gives the same bytes: members in a fixed order, without times and owners.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from staithe.bundle.contents import Bundle
from staithe.bundle.files import BundleFiles, open_files
from staithe.bundle.layout import BLOBS, INDEX_FILE, OCI_LAYOUT_FILE, SIGNATURES
from staithe.bundle.read import read_files, verify_names
from staithe.bundle.read_blobs import manifest_names, named_blobs
from staithe.bundle.volumes import Volumes
from staithe.errors import BundleError, UsageError

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Completed:
    """A delta and the older bundle that has the rest: together the files of one bundle."""

    delta: BundleFiles
    base: BundleFiles
    sizes: Mapping[str, int]

    @property
    def root(self) -> Path:
        return self.delta.root

    def place(self, name: str) -> str:
        return (self.delta if name in self.delta.sizes else self.base).place(name)

    def open(self, name: str) -> IO[bytes]:
        return (self.delta if name in self.delta.sizes else self.base).open(name)

    def stamp(self) -> str:
        return self.delta.stamp() + self.base.stamp()

    def newest(self) -> float:
        return max(self.delta.newest(), self.base.newest())


def completed(delta: Path, base: Path) -> Bundle:
    """Return the bundle that a delta makes with an older one; BundleError when that lacks something too."""
    files, older = open_files(delta), open_files(base)
    wanted = named_blobs(files)
    sizes = dict(files.sizes)
    for name in wanted - set(sizes):
        if older.sizes.get(name, -1) >= 0:
            sizes[name] = older.sizes[name]
    return read_files(Completed(files, older, sizes))


def export(
    bundle: Bundle, out: Path, *, left_out: Collection[str] = (), split_bytes: int | None = None
) -> list[Path]:
    """Write the bundle to `out` and return the files that were made: OUT.tar and its volumes, or a folder.

    `left_out`: names of blobs that the receiver has. Every blob is hashed on its way; BundleError, and nothing is
    left, when one was changed.
    """
    assert bundle.files is not None
    verify_names(bundle.files)
    names = _in_order(bundle.files, left_out)
    out = out.absolute()
    if not out.parent.is_dir():
        raise UsageError("there is no such folder", where=str(out.parent))
    if bundle.root.is_dir() and out.is_relative_to(bundle.root.absolute()):
        raise UsageError("a bundle is not written into itself", where=str(out), hint="--out ../FILE.tar")
    if out.suffix != ".tar":
        if split_bytes is not None:
            raise UsageError("--split goes with a .tar", found=str(out), hint="--out FILE.tar")
        with _draft(out) as folder:
            _write_folder(bundle.files, names, folder)
            folder.rename(out)
        return [out]
    with _draft(out) as folder:
        with Volumes(folder, out.name, split_bytes) as volumes:
            _write_tar(bundle.files, names, volumes)
        made = []
        for path in volumes.finished():
            path.rename(out.parent / path.name)
            made.append(out.parent / path.name)
    return made


def blobs_of(bundle: Bundle, older: Bundle) -> set[str]:
    """Return the blobs of a bundle that an older one has too; never a manifest, so that a delta can be read."""
    assert bundle.files is not None and older.files is not None
    return (named_blobs(bundle.files) & set(older.files.sizes)) - manifest_names(bundle.files)


def _in_order(files: BundleFiles, left_out: Collection[str]) -> list[str]:
    """Put the small things that tell what is inside first."""
    head = [OCI_LAYOUT_FILE, INDEX_FILE, *sorted(name for name in files.sizes if name.startswith(f"{SIGNATURES}/"))]
    return head + sorted(name for name in files.sizes if name.startswith(f"{BLOBS}/") and name not in left_out)


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
    """Give a folder beside `out`, which goes again; refuse when there is something at `out` already."""
    there = [
        path.name
        for path in out.parent.iterdir()
        if re.fullmatch(re.escape(out.name) + r"(\.[0-9]{3}|\.sha256)?", path.name)
    ]
    if there:
        raise UsageError(
            "there is something already; it is not overwritten",
            where=str(out),
            found=", ".join(sorted(there)),
            hint="name another place with --out",
        )
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    folder.chmod(0o755)
    try:
        yield folder
    except OSError as error:
        raise BundleError(f"cannot be written: {error.strerror or error}", where=str(out)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_folder(files: BundleFiles, names: list[str], folder: Path) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.open(name) as source, path.open("wb") as target:
            checked = _Checked(source, files, name)
            while chunk := checked.read(_CHUNK_BYTES):
                target.write(chunk)
            checked.end()


def _write_tar(files: BundleFiles, names: list[str], target: Volumes) -> None:
    with tarfile.open(fileobj=cast("IO[bytes]", target), mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mode = files.sizes[name], 0o644
            with files.open(name) as source:
                checked = _Checked(source, files, name)
                tar.addfile(member, checked)
                checked.end()


class _Checked:
    """A file on its way out, hashed as it is read."""

    def __init__(self, stream: IO[bytes], files: BundleFiles, name: str) -> None:
        self._stream = stream
        self._files = files
        self._name = name
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def end(self) -> None:
        """Raise BundleError for a blob that is not what its name says."""
        expected = self._name.rpartition("/")[2]
        if self._name.startswith(f"{BLOBS}/") and self._hash.hexdigest() != expected:
            raise BundleError(
                "a blob was changed",
                where=self._files.place(self._name),
                found=self._hash.hexdigest(),
                expected=expected,
                hint="make the bundle again, or copy it again",
            )
