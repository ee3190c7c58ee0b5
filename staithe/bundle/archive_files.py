"""The files of an image archive, by name: out of a tar (compressed or not) or a folder. Nothing is unpacked."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from staithe.bundle.documents import DOCUMENT_LIMIT_BYTES
from staithe.bundle.tar_headers import DAMAGE, Member, Unpacked, members_of, open_regular
from staithe.errors import BundleError
from staithe.shell import word

# A link to a link to a link: docker save before 25 makes one step.
_LINK_LIMIT = 8
_GZIP = b"\x1f\x8b"
_OTHER_FORMATS = {"bzip2": b"BZh", "xz": b"\xfd7zXZ", "zstd": b"\x28\xb5\x2f\xfd"}


class ArchiveFiles(Protocol):
    """Files by their relative path."""

    @property
    def where(self) -> str:
        """Name of the archive, for messages."""

    def has(self, name: str) -> bool:
        """Whether there is a regular file of that name."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file; raises BundleError when it is not there."""


@dataclass(frozen=True)
class KeptArchive:
    """An archive that lies under another name, in a cache, than the one that people know it by."""

    path: Path
    where: str


def read_document(files: ArchiveFiles, name: str) -> bytes:
    """Return a JSON document's bytes; raises BundleError when it is missing or far too large for one."""
    with files.open(name) as stream:
        content = stream.read(DOCUMENT_LIMIT_BYTES + 1)
    if len(content) > DOCUMENT_LIMIT_BYTES:
        raise BundleError(f"{name} is too large for a JSON document", where=files.where)
    return content


@contextmanager
def opened(path: Path, where: str | None = None) -> Iterator[ArchiveFiles]:
    """Open an image archive, `where` in messages. Damage that shows while it is read is a BundleError too."""
    where = where or str(path)
    try:
        if path.is_dir():
            yield _Folder(path, where)
            return
        with open_regular(path) as file:
            magic = file.read(6)
            file.seek(0)
            for name, first in _OTHER_FORMATS.items():
                if magic.startswith(first):
                    raise BundleError(
                        f"the archive is compressed with {name}",
                        where=where,
                        expected="a tar, plain or compressed with gzip",
                        hint=f"{name} -d {word(where)}   # then name what it leaves",
                    )
            content = Unpacked(file, path.stat().st_size) if magic.startswith(_GZIP) else file
            with tarfile.open(fileobj=content, mode="r:", tarinfo=Member) as tar:
                yield _Tar(tar, where)
    except DAMAGE as error:
        raise BundleError(
            f"the archive is damaged or cut short: {error}",
            where=where,
            expected="an archive by docker save, or an OCI image layout",
            hint="make it again with `docker save -o FILE NAME:TAG`",
        ) from error
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror or error}", where=where) from error


class _Folder:
    def __init__(self, root: Path, where: str) -> None:
        self._root = root
        self.where = where

    def has(self, name: str) -> bool:
        return _is_inside(name) and (self._root / name).is_file()

    def open(self, name: str) -> IO[bytes]:
        if not self.has(name):
            raise _missing(self.where, name)
        return (self._root / name).open("rb")


class _Tar:
    def __init__(self, tar: tarfile.TarFile, where: str) -> None:
        self._tar = tar
        self.where = where
        self._members: dict[str, tarfile.TarInfo] = {}
        for member in members_of(tar):
            name = posixpath.normpath(member.name)
            if name in self._members and not member.isdir():
                raise BundleError(f"{name} is in the archive twice", where=self.where)
            self._members[name] = member
        self._refuse_cut(tar)

    def _refuse_cut(self, tar: tarfile.TarFile) -> None:
        # tarfile takes an archive that stops inside or before a header for one that ended.
        assert tar.fileobj is not None
        tar.fileobj.seek(tar.offset)
        if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it has no end")

    def has(self, name: str) -> bool:
        return self._find(name) is not None

    def open(self, name: str) -> IO[bytes]:
        member = self._find(name)
        stream = self._tar.extractfile(member) if member is not None else None
        if stream is None:
            raise _missing(self.where, name)
        return stream

    def _find(self, name: str) -> tarfile.TarInfo | None:
        name = posixpath.normpath(name)
        for _step in range(_LINK_LIMIT):
            member = self._members.get(name)
            if member is None or member.isreg():
                return member
            if member.issym():  # docker save before 25: layers that are alike are links
                name = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
            elif member.islnk():
                name = posixpath.normpath(member.linkname)
            else:
                return None
        return None


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")


def _missing(where: str, name: str) -> BundleError:
    return BundleError(f"{name} is not in the archive", where=where, hint="make it again with `docker save`")
