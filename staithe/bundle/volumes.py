"""One stream as files of limited size, with the checksums that `sha256sum -c` takes. `cat` joins them again."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from types import TracebackType
from typing import IO

from staithe.errors import UsageError

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SMALLEST_BYTES = 64 << 10
_MOST = 1000
_NO_LIMIT = 1 << 62


def parse_size(text: str) -> int:
    """Return the bytes of 700M, 4G and the like; raises UsageError."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([KMGT])(i?B)?", text)
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    if size < _SMALLEST_BYTES:
        raise UsageError("--split is no size", found=text, expected="64K or more, such as 700M or 4G")
    return size


class Volumes:
    """A file for writing. With a limit it goes on in NAME.000, NAME.001, ..., all of them smaller than the limit."""

    def __init__(self, folder: Path, name: str, limit_bytes: int | None) -> None:
        self._folder = folder
        self._name = name
        # Smaller, not as large: a FAT file system does not take the last byte of 4 GiB.
        self._is_split = limit_bytes is not None
        self._limit_bytes = limit_bytes - 512 if limit_bytes is not None else _NO_LIMIT
        self._sums: list[tuple[str, str]] = []
        self._stream: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self._left = 0

    def write(self, data: bytes) -> int:
        """Append `data`, beginning further volumes where it is due."""
        rest = memoryview(data)
        while rest:
            if self._stream is None or self._left == 0:
                self._begin()
            assert self._stream is not None
            part = rest[: self._left]
            self._stream.write(part)
            self._hash.update(part)
            self._left -= len(part)
            rest = rest[len(part) :]
        return len(data)

    def finished(self) -> list[Path]:
        """Return the files, with that of the checksums where there are volumes."""
        made = [self._folder / name for name, _ in self._sums]
        if self._is_split:
            sums = self._folder / f"{self._name}.sha256"
            sums.write_text("".join(f"{digest}  {name}\n" for name, digest in self._sums), encoding="utf-8")
            made.append(sums)
        return made

    def _begin(self) -> None:
        self._end()
        if len(self._sums) == _MOST:
            raise UsageError(f"this would be more than {_MOST} volumes", hint="a larger --split")
        name = f"{self._name}.{len(self._sums):03}" if self._is_split else self._name
        self._sums.append((name, ""))
        self._stream = (self._folder / name).open("wb")
        self._hash = hashlib.sha256()
        self._left = self._limit_bytes

    def _end(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._sums[-1] = (self._sums[-1][0], self._hash.hexdigest())
            self._stream = None

    def __enter__(self) -> Volumes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end()
