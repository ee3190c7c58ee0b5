"""Reads tars that nobody vouches for: headers are believed only as far as honest archives go."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from staithe.bundle.blob_store import CHUNK_BYTES
from staithe.errors import BundleError

# Names and extended headers are read into memory whole; honest ones have a few hundred bytes.
_HEADER_LIMIT_BYTES = 1 << 20
# An image archive has some files for each layer.
_MEMBERS_LIMIT = 100_000
# What is packed denser than this is made to be so: deflate ends at 1032 to 1, programs and layers are below 10 to 1.
_RATIO_LIMIT = 200
_ALWAYS_ALLOWED_BYTES = 512 << 20
_IN_MEMORY = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE),
    tarfile.SOLARIS_XHDTYPE,
)
# What reading a damaged or dishonest archive ends with; the last three come out of tarfile's own parsing.
DAMAGE = (
    *(tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile),
    *(ValueError, IndexError, RecursionError),
)


class Member(tarfile.TarInfo):
    """A member whose header cannot make tarfile read gigabytes into memory, or go backwards."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Member:
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.type in _IN_MEMORY and member.size > _HEADER_LIMIT_BYTES):
            raise tarfile.ReadError(f"a header says that it has {member.size} bytes")
        return member


def members_of(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members; raises tarfile.ReadError for what no honest archive has."""
    for number, member in enumerate(tar):
        if number >= _MEMBERS_LIMIT:
            raise tarfile.ReadError(f"it has more than {_MEMBERS_LIMIT} members")
        if member.size < 0:
            raise tarfile.ReadError(f"{member.name!r} has {member.size} bytes")
        if member.issparse():
            raise tarfile.ReadError(f"{member.name!r} is a sparse file, which neither docker save nor engines have")
        # tarfile keeps all that it has seen.
        yield member


class Unpacked(gzip.GzipFile):
    """A gzip stream that ends with an error where it becomes far larger than its file can honestly be."""

    def __init__(self, stream: IO[bytes], packed_bytes: int) -> None:
        super().__init__(fileobj=stream, mode="rb")
        self._limit_bytes = max(_ALWAYS_ALLOWED_BYTES, packed_bytes * _RATIO_LIMIT)

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.tell() > self._limit_bytes:
            raise gzip.BadGzipFile(f"it unpacks to more than {self._limit_bytes >> 20} MiB, as only an attack does")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        # Seeking unpacks too, without asking `read`.
        while whence == io.SEEK_SET and self.tell() < offset - CHUNK_BYTES and self.read(CHUNK_BYTES):
            pass
        return super().seek(offset, whence)


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading; raises BundleError for a pipe or device, which might never end, and for a folder."""
    try:
        # Without O_NONBLOCK the open itself waits for somebody to write into a pipe.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BundleError(
            "this is no file", where=str(path), expected="a regular file", hint="name the archive itself"
        )
    return os.fdopen(handle, "rb")
