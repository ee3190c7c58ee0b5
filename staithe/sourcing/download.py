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
from typing import IO, TypeVar

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

    def fetch_all(
        self, files: Iterable[Wanted], check: Callable[[Wanted, Fetched], object] = lambda wanted, fetched: None
    ) -> list[Fetched]:
        """Return the files in their order, each checked as soon as it is there, while others are on their way.

        Raises DownloadFailed of the first that cannot be had, and what `check` raises.
        """

        def fetched_and_checked(wanted: Wanted) -> Fetched:
            fetched = self.fetch(wanted)
            check(wanted, fetched)
            return fetched

        with ThreadPoolExecutor(PARALLEL) as pool:
            jobs = [pool.submit(fetched_and_checked, one) for one in files]
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
        arrival = _Arrival(part)
        self._patiently(lambda: self._append(part, wanted, arrival), wanted)
        digest, size = arrival.digest.hexdigest(), arrival.size
        if wanted.sha256 in (None, digest) and wanted.size in (None, size):
            return Fetched(self._cache.keep(part, digest), digest, size, arrival.received)
        part.unlink()
        self._advance(wanted, -size)
        if resumed:
            # It may have changed at its origin since it was begun.
            return self._complete(part, wanted)
        raise DownloadFailed(
            "this is not the file that was expected",
            where=wanted.url,
            found=f"sha256 {digest}, {size} bytes",
            expected=f"sha256 {wanted.sha256}, {wanted.size} bytes",
            hint="compare with its owner; staithe bundle lock takes a new file, for review",
        )

    def _append(self, part: Path, wanted: Wanted, arrival: _Arrival) -> None:
        # Unbuffered: a piece that was counted and hashed is in the file, whatever happens next.
        with part.open("ab", buffering=0) as target:
            if arrival.size == wanted.size:
                return
            with self._origins.open(wanted.url, wanted.access, start=arrival.size) as opened:
                if opened.start != arrival.size:
                    self._advance(wanted, -arrival.size)
                    target.truncate(0)
                    arrival.begin_anew()
                for chunk in opened.chunks:
                    arrival.take(chunk, target)
                    self._advance(wanted, len(chunk))
                    _check_size(wanted, arrival.size)
                    self._check_stopped(wanted)
            if wanted.size is not None and arrival.size < wanted.size:
                raise Interruption(f"the connection ended after {arrival.size} of {wanted.size} bytes")

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
                        hint=error.hint,
                    ) from error
                time.sleep(pause)


def _check_size(wanted: Wanted, size: int) -> None:
    limit = wanted.size if wanted.size is not None else wanted.limit_bytes
    if size > limit:
        raise DownloadFailed("more came than the file has", where=wanted.url, expected=f"{limit} bytes at most")


class _Arrival:
    """What has come of a file: the part that was there is hashed once, the rest as it comes."""

    def __init__(self, part: Path) -> None:
        self.begin_anew()
        self.received = 0
        if part.exists():
            with part.open("rb") as stream:
                self.digest = hashlib.file_digest(stream, "sha256")
                self.size = stream.tell()

    def begin_anew(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0

    def take(self, chunk: bytes, target: IO[bytes]) -> None:
        rest = memoryview(chunk)
        while rest:
            rest = rest[target.write(rest) :]
        self.digest.update(chunk)
        self.size += len(chunk)
        self.received += len(chunk)
