"""Static engine archives at their origin: which there are, and the one of a version."""

from __future__ import annotations

import re
from pathlib import Path

from staithe.errors import DownloadFailed
from staithe.sourcing import presets
from staithe.sourcing.access import Access, access_of
from staithe.sourcing.description import Description
from staithe.sourcing.download import Downloader, Wanted
from staithe.sourcing.lock_file import Lock, LockedStatic
from staithe.sourcing.origin import is_http, located
from staithe.sourcing.version_range import VersionRange

# Of engine archives and of image archives.
ARCHIVE_LIMIT_BYTES = 16 << 30
# 29.4.2 was published again as docker-29.4.2-2.tgz.
_ARCHIVE = re.compile(r"docker-([0-9]+\.[0-9]+\.[0-9]+)(?:-[0-9]+)?\.tgz")


def static_folder(description: Description) -> str:
    """Return the address or path that has one folder for each architecture."""
    assert description.engine is not None
    given = description.engine.static
    mirrors = [one.mirror for one in description.repository if one.preset is not None]
    return (given or presets.docker_static(mirrors[0] if mirrors else "official")).rstrip("/")


def static_names(address: str, access: Access, arch: str, downloader: Downloader, folder: Path) -> dict[str, str]:
    """Return the archives' file names by version, the latest publication of each; raises DownloadFailed."""
    where = located(f"{address}/{arch}", folder)
    if is_http(address):
        page = downloader.fetch(Wanted(f"{where}/", access=access)).path.read_text("utf-8", "replace")
        names = re.findall(r'href="([^"/]+)"', page)
    else:
        try:
            names = [path.name for path in Path(where).iterdir()]
        except OSError as error:
            raise DownloadFailed(f"cannot be read: {error.strerror}", where=where) from error
    matches = [match for match in map(_ARCHIVE.fullmatch, sorted(names, key=lambda one: (len(one), one))) if match]
    return {match[1]: match[0] for match in matches}


def lock_static(
    description: Description, engine: str, former: Lock | None, downloader: Downloader, folder: Path
) -> tuple[LockedStatic, ...]:
    """Return the archives of a version, each with the digest that is pinned, known from the former lock, or found."""
    assert description.engine is not None
    address, access = static_folder(description), access_of(description.engine, folder)
    known = {(one.arch, one.version): one for one in (former.static if former else ())}
    locked = []
    for arch in description.targets.archs:
        before = known.get((arch, engine))
        pinned = description.engine.static_sha256.get(arch)
        try:
            names = static_names(address, access, arch, downloader, folder)
        except DownloadFailed:
            # Many mirrors list nothing; a whole version needs no list.
            if VersionRange.parse(description.engine.version).exact is None:
                raise
            names = {}
        likely = before.url.rpartition("/")[2] if before is not None else f"docker-{engine}.tgz"
        name = names.get(engine, likely)
        url = f"{address}/{arch}/{name}"
        if before is not None and pinned in (None, before.sha256) and before.url == url:
            locked.append(before)
            continue
        wanted = Wanted(located(url, folder), pinned, access=access, limit_bytes=ARCHIVE_LIMIT_BYTES)
        got = downloader.fetch(wanted)
        locked.append(LockedStatic(url=url, size=got.size, sha256=got.sha256, version=engine, arch=arch))
    return tuple(locked)
