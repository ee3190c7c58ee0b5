"""Fetches files into the cache: side by side, tried again, resumed where they stopped.

Nothing is under its digest's name before its digest was computed here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from staithe.errors import DownloadFailed
from staithe.sourcing.access import Access
from staithe.sourcing.download_cache import DownloadCache
from staithe.sourcing.origin import Interruption, Origins

PARALLEL = 6
_PAUSES_S = (0.2, 1.0, 3.0, 6.0)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Wanted:
    """A file: where it is and, as far as that is known, what it is."""

    # http(s) address, or a path.
    url: str
    sha256: str | None = None
    size: int | None = None
    access: Access = field(default_factory=Access)
    # Where nobody knows the size beforehand: keys, repomd.xml, engine archives.
    limit_bytes: int = 64 << 20


@dataclass(frozen=True)
class Fetched:
    """A file in the cache."""

    path: Path
    sha256: str
    size: int
    # Bytes that came from its origin.
    received: int


Advance = Callable[[Wanted, int], None]


def _silent(_wanted: Wanted, _count: int) -> None:
    return None


class Downloader:
    """Fetches into a cache. `advance` is told of each piece that has come, in any thread; of lost ones negatively."""

    def __init__(self, cache: DownloadCache, *, offline: bool = False, advance: Advance = _silent) -> None:
        cache.prepare()
        self._cache = cache
        self._offline = offline
        self._advance = advance
        self._origins = Origins()
        self._is_stopped = False

    def __enter__(self) -> Downloader:
        return self

    def __exit__(self, *_: object) -> None:
        self._origins.close()

    def fetch_all(self, files: Iterable[Wanted]) -> list[Fetched]:
        """Return the files in their order; raises DownloadFailed of the first that cannot be had."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            jobs = [pool.submit(self.fetch, one) for one in files]
            try:
                return [job.result() for job in jobs]
            except BaseException:
                self.stop()
                for job in jobs:
                    job.cancel()
                raise

    def stop(self) -> None:
        """End what other threads fetch, at their next piece: whoever waits for them would wait for the slowest."""
        self._is_stopped = True

    def fetch(self, wanted: Wanted) -> Fetched:
        """Return one file in the cache; raises DownloadFailed."""
        if wanted.sha256 is not None and wanted.size is not None:
            found = self._cache.find(wanted.sha256, wanted.size)
            if found is not None:
                self._advance(wanted, wanted.size)
                return Fetched(found, wanted.sha256, wanted.size, 0)
        if self._offline:
            raise DownloadFailed("is not in the cache, and --offline fetches nothing", where=wanted.url)
        with self._cache.part(f"{wanted.url} {wanted.sha256}") as part:
            try:
                return self._complete(part, wanted)
            except OSError as error:
                raise DownloadFailed(
                    f"cannot be written: {error.strerror}", where=str(error.filename or part), hint="df -h"
                ) from error

    def head(self, wanted: Wanted, size: int) -> bytes:
        """Return the first `size` bytes of a file without fetching the rest; raises DownloadFailed."""

        def read() -> bytes:
            content = b""
            with self._origins.open(wanted.url, wanted.access, end=size) as opened:
                for chunk in opened.chunks:
                    self._check_stopped(wanted)
                    content += chunk
                    if len(content) >= size:
                        break
            return content[:size]

        return self._patiently(read, wanted)

    def _complete(self, part: Path, wanted: Wanted) -> Fetched:
        if wanted.sha256 is None:
            part.unlink(missing_ok=True)
        resumed = part.stat().st_size if part.exists() else 0
        if resumed:
            self._advance(wanted, resumed)
        before, received = resumed, [0]
        self._patiently(lambda: self._append(part, wanted, received), wanted)
        digest, size = _digest_of(part)
        if wanted.sha256 in (None, digest) and wanted.size in (None, size):
            return Fetched(self._cache.keep(part, digest), digest, size, received[0])
        part.unlink()
        self._advance(wanted, -size)
        if before:
            # It may have changed at its origin since it was begun.
            return self._complete(part, wanted)
        raise DownloadFailed(
            "this is not the file that was expected",
            where=wanted.url,
            found=f"sha256 {digest}, {size} bytes",
            expected=f"sha256 {wanted.sha256}, {wanted.size} bytes",
            hint="compare with its owner; staithe bundle lock takes a new file, for review",
        )

    def _append(self, part: Path, wanted: Wanted, received: list[int]) -> None:
        with part.open("ab") as target:
            if target.tell() == wanted.size:
                return
            with self._origins.open(wanted.url, wanted.access, start=target.tell()) as opened:
                if opened.start != target.tell():
                    self._advance(wanted, -target.tell())
                    target.truncate(0)
                for chunk in opened.chunks:
                    target.write(chunk)
                    received[0] += len(chunk)
                    self._advance(wanted, len(chunk))
                    _check_size(wanted, target.tell())
                    self._check_stopped(wanted)
            if wanted.size is not None and target.tell() < wanted.size:
                raise Interruption(f"the connection ended after {target.tell()} of {wanted.size} bytes")

    def _check_stopped(self, wanted: Wanted) -> None:
        if self._is_stopped:
            raise DownloadFailed("stopped", where=wanted.url)

    def _patiently(self, attempt: Callable[[], ResultT], wanted: Wanted) -> ResultT:
        pauses = iter(_PAUSES_S)
        while True:
            try:
                return attempt()
            except Interruption as error:
                pause = next(pauses, None)
                if pause is None or self._is_stopped:
                    raise DownloadFailed(
                        f"cannot be fetched: {error}",
                        where=wanted.url,
                        hint="what has arrived is kept; run this again",
                    ) from error
                time.sleep(pause)


def _check_size(wanted: Wanted, size: int) -> None:
    limit = wanted.size if wanted.size is not None else wanted.limit_bytes
    if size > limit:
        raise DownloadFailed("more came than the file has", where=wanted.url, expected=f"{limit} bytes at most")


def _digest_of(path: Path) -> tuple[str, int]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return digest, stream.tell()
