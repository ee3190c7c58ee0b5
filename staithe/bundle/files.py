"""The files of a bundle by name: in a folder, or in a tar that is read where it lies and never unpacked.

So nothing in a tar can escape, link or fill a disk: a member is a name, a place and a length.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from staithe.bundle.layout import SIGNATURES
from staithe.bundle.tar_headers import DAMAGE, Member, members_of, open_regular
from staithe.errors import BundleError
from staithe.shell import word

_FILES_LIMIT = 100_000
_PACKED = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ", "zstd": b"\x28\xb5\x2f\xfd"}
_AGAIN = "make it again with `staithe bundle export`, or copy it again"


class BundleFiles(Protocol):
    """Where the bytes of a bundle are."""

    @property
    def root(self) -> Path:
        """The folder, or the tar."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Every file by its name (`blobs/sha256/...`), with its size in bytes."""

    def place(self, name: str) -> str:
        """Name a file for a person."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file; BundleError when it is gone."""

    def stamp(self) -> str:
        """Return what changes when any byte changes, without reading one: sizes, times, numbers of files."""

    def newest(self) -> float:
        """Return when one of the files was changed last, in seconds since the epoch."""


@dataclass(frozen=True)
class Folder:
    """A bundle as `build` makes it."""

    root: Path
    sizes: Mapping[str, int] = field(compare=False, repr=False)

    def place(self, name: str) -> str:
        return str(self.root / name)

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self.root / name).open("rb")
        except OSError as error:
            raise BundleError(f"cannot be read: {error.strerror or error}", where=self.place(name)) from error

    def stamp(self) -> str:
        return _stamp(self._paths())

    def newest(self) -> float:
        return max(_look(path).st_ctime for path in self._paths())

    def _paths(self) -> list[Path]:
        return [self.root / name for name in sorted(self.sizes) if not name.startswith(f"{SIGNATURES}/")]


@dataclass(frozen=True)
class Tar:
    """A bundle as `export` makes it: plain, not compressed, so that each blob lies in it whole."""

    root: Path
    sizes: Mapping[str, int] = field(compare=False, repr=False)
    offsets: Mapping[str, int] = field(compare=False, repr=False)

    def place(self, name: str) -> str:
        return f"{self.root}: {name}"

    def open(self, name: str) -> IO[bytes]:
        stream = open_regular(self.root)
        stream.seek(self.offsets[name])
        return io.BufferedReader(_Part(stream, self.sizes[name]))

    def stamp(self) -> str:
        return _stamp([self.root])

    def newest(self) -> float:
        return _look(self.root).st_ctime


def _stamp(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        found = _look(path)
        digest.update(f"{path} {found.st_dev} {found.st_ino} {found.st_size} ".encode(errors="surrogateescape"))
        digest.update(f"{found.st_mtime_ns} {found.st_ctime_ns}\n".encode())
    return digest.hexdigest()


def _look(path: Path) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror or error}", where=str(path)) from error


class _Part(io.RawIOBase):
    """The next `size` bytes of a file, as a file."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self._stream.read(min(len(view), self._left))
        view[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_files(path: Path) -> BundleFiles:
    """List the files of a bundle. Raises BundleError for what no bundle has: links, devices, names that lead out."""
    root = path.absolute()
    if root.is_dir():
        return Folder(root, _in_folder(root))
    if not root.exists():
        raise BundleError(
            "there is no bundle", where=str(path), hint="make one: `staithe bundle build --engine FILE --out FOLDER`"
        )
    return _in_tar(root)


def _in_folder(root: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for folder, _folders, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            found = _look(path)
            # What is no plain file is not there, as far as a bundle goes: nothing has this size.
            sizes[path.relative_to(root).as_posix()] = found.st_size if stat.S_ISREG(found.st_mode) else -1
        if len(sizes) > _FILES_LIMIT:
            raise BundleError("this folder is no bundle", where=str(root), found=f"more than {_FILES_LIMIT} files")
    return sizes


def _in_tar(root: Path) -> Tar:
    sizes: dict[str, int] = {}
    offsets: dict[str, int] = {}
    with open_regular(root) as file:
        _refuse_packed(root, file)
        end = os.fstat(file.fileno()).st_size
        try:
            with tarfile.open(fileobj=file, mode="r:", tarinfo=Member) as tar:
                for member in members_of(tar):
                    name = _checked_name(member, root)
                    if member.isdir():
                        continue
                    if name in sizes:
                        raise BundleError(f"{name} is in the tar twice", where=str(root), hint=_AGAIN)
                    if member.offset_data + member.size > end:
                        raise tarfile.ReadError(f"{name} ends after the end of the file")
                    sizes[name], offsets[name] = member.size, member.offset_data
        except DAMAGE as error:
            whole = re.fullmatch(r"(.+\.tar)\.[0-9]{3}", str(root))
            raise BundleError(
                f"the tar is no bundle, or it is damaged or cut short: {error}",
                where=str(root),
                hint=f"cat {word(whole[1])}.??? > {word(whole[1])}   # a volume is joined first" if whole else _AGAIN,
            ) from error
    return Tar(root, sizes, offsets)


def _refuse_packed(root: Path, file: IO[bytes]) -> None:
    magic = file.read(6)
    file.seek(0)
    for name, first in _PACKED.items():
        if magic.startswith(first):
            raise BundleError(
                f"the tar is compressed with {name}",
                where=str(root),
                expected="a plain tar: what is in a bundle is compressed already",
                hint=f"{name} -d {word(str(root))}   # then name what it leaves",
            )


def _checked_name(member: tarfile.TarInfo, root: Path) -> str:
    name = member.name.removeprefix("./").rstrip("/")
    parts = name.split("/")
    if not member.isdir() and not member.isreg():
        kinds = {tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link", tarfile.FIFOTYPE: "a pipe"}
        found = kinds.get(member.type, "a device node" if member.isdev() else "of another kind")
        raise BundleError(
            f"{member.name} in the tar is {found}", where=str(root), expected="files and folders only", hint=_AGAIN
        )
    if member.name.startswith("/") or ".." in parts:
        raise BundleError(f"{member.name} leads out of the bundle", where=str(root), hint=_AGAIN)
    return name
