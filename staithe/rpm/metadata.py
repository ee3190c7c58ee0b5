"""Files of metadata, checked before anybody parses them, and handed on unpacked as a file descriptor."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from staithe.errors import RepositoryError
from staithe.rpm.compression import AGAIN, CHUNK_BYTES, unpacked
from staithe.rpm.repomd import Checksum, Entry, require_root

_ROOTS = {"primary": b"<metadata", "filelists": b"<filelists"}


def check(path: Path, entry: Entry, where: str) -> None:
    """Compare a downloaded file with what repomd.xml says of it; raises RepositoryError."""
    with _opened(path, where) as stream:
        _check(stream, entry, where)


@contextmanager
def descriptor(path: Path, entry: Entry, where: str) -> Iterator[int]:
    """Give the content of a file, unpacked, as a descriptor that stands at its beginning.

    It lies in memory without a name: a pipe would need a second thread, and libsolv holds Python's lock while it
    reads. Nothing is given before both checksums are right. Raises RepositoryError.
    """
    with _opened(path, where) as stream:
        _check(stream, entry, where)
        stream.seek(0)
        handle = os.memfd_create(f"staithe-{entry.kind}", os.MFD_CLOEXEC)
        try:
            _unpack(stream, handle, entry, where)
            os.lseek(handle, 0, os.SEEK_SET)
            yield handle
        finally:
            os.close(handle)


def _unpack(stream: IO[bytes], handle: int, entry: Entry, where: str) -> None:
    packed_bytes = os.fstat(stream.fileno()).st_size
    digest = hashlib.new(entry.open_checksum.kind) if entry.open_checksum else None
    root = _ROOTS.get(entry.kind)
    size_bytes = 0
    with os.fdopen(os.dup(handle), "wb") as target:
        for chunk in unpacked(stream, packed_bytes, where, entry.open_size_bytes):
            if size_bytes == 0 and root is not None:
                require_root(chunk, root, where)
            size_bytes += len(chunk)
            target.write(chunk)
            if digest is not None:
                digest.update(chunk)
    if size_bytes == 0 and root is not None:
        require_root(b"", root, where)
    _compare("size when unpacked", size_bytes, entry.open_size_bytes, where)
    if digest is not None:
        _compare("checksum when unpacked", Checksum(digest.name, digest.hexdigest()), entry.open_checksum, where)


def _check(stream: IO[bytes], entry: Entry, where: str) -> None:
    digest = hashlib.new(entry.checksum.kind)
    size_bytes = 0
    while chunk := stream.read(CHUNK_BYTES):
        size_bytes += len(chunk)
        digest.update(chunk)
    _compare("size", size_bytes, entry.size_bytes, where)
    _compare("checksum", Checksum(digest.name, digest.hexdigest()), entry.checksum, where)


def _compare(what: str, found: object, expected: object, where: str) -> None:
    if expected is not None and found != expected:
        raise RepositoryError(
            f"its {what} is not what repomd.xml says",
            where=where,
            found=str(found),
            expected=str(expected),
            hint=AGAIN,
        )


def _opened(path: Path, where: str) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise RepositoryError(f"cannot be read: {error.strerror or error}", where=where, found=str(path)) from error
