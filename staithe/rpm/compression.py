"""Unpacks repository metadata whatever it is packed with, and never more of it than was promised."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from typing import IO, cast

from staithe.errors import RepositoryError

CHUNK_BYTES = 1 << 20
# The largest filelists of EL and EPEL unpack to some 700 MiB.
_LIMIT_BYTES = 2 << 30
# Where nobody says how large it will be: metadata pack to a tenth, a bomb to a thousandth.
_RATIO_LIMIT = 100
_ALWAYS_ALLOWED_BYTES = 64 << 20
_MAGIC_BYTES = 6
AGAIN = "try again; if it stays so, use another mirror of the repository"


def unpacked(stream: IO[bytes], packed_bytes: int, where: str, promised_bytes: int | None = None) -> Iterator[bytes]:
    """Yield what `stream` holds, unpacked by what it begins with: gzip, xz, bzip2, zstd or nothing.

    Ends with RepositoryError when it is damaged, is zchunk, or holds more than `promised_bytes`.
    """
    limit = promised_bytes if promised_bytes is not None else max(_ALWAYS_ALLOWED_BYTES, packed_bytes * _RATIO_LIMIT)
    limit = min(limit, _LIMIT_BYTES)
    seen = 0
    reader = _reader(stream, where)
    try:
        while chunk := reader.read(CHUNK_BYTES):
            seen += len(chunk)
            if seen > limit:
                raise RepositoryError("it unpacks to more than it should", where=where, expected=f"{limit} bytes")
            yield chunk
    except _damage() as error:
        raise RepositoryError(f"it cannot be unpacked: {error}", where=where, hint=AGAIN) from error


def _reader(stream: IO[bytes], where: str) -> IO[bytes]:
    magic = stream.read(_MAGIC_BYTES)
    stream.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
    if magic.startswith(b"\xfd7zXZ\0"):
        return cast(IO[bytes], lzma.LZMAFile(stream))
    if magic.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(stream))
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True))
    if magic.startswith(b"\0ZCK1"):
        raise zchunk(where)
    return stream


def zchunk(where: str) -> RepositoryError:
    """Return the refusal of metadata that exist as zchunk only."""
    return RepositoryError(
        "its metadata are packed with zchunk, which staithe does not read",
        where=where,
        expected="gzip, xz, bzip2 or zstd",
        hint="make them again with `createrepo_c --compress-type=zstd FOLDER`",
    )


def _damage() -> tuple[type[Exception], ...]:
    import zstandard

    return (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, ValueError)
