"""Files by their digest, shared by all bundles of a user; parts of files that have not come whole yet."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from staithe.errors import DownloadFailed

CHUNK_BYTES = 1 << 20


def cache_folder() -> Path:
    """Return where downloads are kept: STAITHE_CACHE, or the user's cache folder."""
    given = os.environ.get("STAITHE_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(given) if given else Path(base) / "staithe"


class DownloadCache:
    """The cache at one folder. Several processes may use it: files appear whole, named by their digest."""

    def __init__(self, folder: Path) -> None:
        self._whole = folder / "sha256"
        self._parts = folder / "parts"

    def prepare(self) -> None:
        """Make the folders; raises DownloadFailed."""
        try:
            for folder in (self._whole, self._parts):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise DownloadFailed(
                f"the cache cannot be made: {error.strerror}",
                where=str(error.filename),
                hint="STAITHE_CACHE=FOLDER staithe ...",
            ) from error

    def path(self, sha256: str) -> Path:
        """Return where the file of a digest is, or will be."""
        return self._whole / sha256

    def find(self, sha256: str, size: int) -> Path | None:
        """Return a file that is there and still is what its name says; one that was changed is fetched again."""
        path = self.path(sha256)
        try:
            if path.stat().st_size != size:
                return None
            with path.open("rb") as stream:
                return path if hashlib.file_digest(stream, "sha256").hexdigest() == sha256 else None
        except FileNotFoundError:
            return None

    @contextmanager
    def part(self, name: str) -> Iterator[Path]:
        """Hold the unfinished file of a download alone; another process that wants it waits."""
        import fcntl

        path = self._parts / hashlib.sha256(name.encode()).hexdigest()
        with path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path

    def keep(self, part: Path, sha256: str) -> Path:
        """Give an unfinished file that turned out whole its name."""
        target = self.path(sha256)
        part.replace(target)
        return target
