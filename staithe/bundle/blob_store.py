"""Writes blobs: streamed, named by their content, each stored once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from staithe.bundle.contents import Blob
from staithe.bundle.layout import BLOBS

CHUNK_BYTES = 1024 * 1024


class BlobWriter:
    """A blob on its way in. Its name is known when all of it is there."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append `chunk`."""
        self._stream.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def blob(self, media_type: str) -> Blob:
        """Return what has been written so far as a blob."""
        return Blob(f"sha256:{self._hash.hexdigest()}", self.size_bytes, media_type)


class BlobStore:
    """The folder blobs/sha256 of a bundle that is being made."""

    def __init__(self, root: Path) -> None:
        self._folder = root / BLOBS
        self._folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def incoming(self) -> Iterator[BlobWriter]:
        """Open a new blob. It gets its name when the block ends, and vanishes when the block fails."""
        path = self._folder / ".incoming"
        try:
            with path.open("wb") as stream:
                writer = BlobWriter(stream)
                yield writer
            path.rename(self._folder / writer.blob("").hex)
        finally:
            path.unlink(missing_ok=True)

    def add_bytes(self, content: bytes, media_type: str) -> Blob:
        """Store `content`."""
        with self.incoming() as writer:
            writer.write(content)
        return writer.blob(media_type)

    def add_stream(self, stream: IO[bytes], media_type: str) -> Blob:
        """Store everything that `stream` still holds."""
        with self.incoming() as writer:
            while chunk := stream.read(CHUNK_BYTES):
                writer.write(chunk)
        return writer.blob(media_type)

    def add_file(self, path: Path, blob: Blob) -> Blob:
        """Store a file that was just hashed and that nobody writes to, as a second name of it where that can be."""
        target = self._folder / blob.hex
        try:
            if not target.exists():
                os.link(path, target)
        except OSError:
            # Another file system, or one that knows no links.
            with path.open("rb") as stream:
                return self.add_stream(stream, blob.media_type)
        return blob

    def open(self, blob: Blob) -> IO[bytes]:
        """Open a stored blob for reading."""
        return (self._folder / blob.hex).open("rb")
