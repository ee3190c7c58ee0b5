"""Fetches a repository's metadata for one target, and refuses what is forged or older than what was seen before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from staithe.errors import RepositoryError
from staithe.rpm import repomd
from staithe.rpm.repository import REPOMD, Repository
from staithe.rpm.signature import Keyring, check_detached
from staithe.sourcing.access import Access, access_of
from staithe.sourcing.description import RepositoryWish
from staithe.sourcing.download import Downloader, Fetched, Wanted
from staithe.sourcing.lock_file import LockedRepository
from staithe.sourcing.origin import located
from staithe.sourcing.target import Target


@dataclass(frozen=True)
class FetchedRepository:
    """A repository whose metadata are here."""

    wish: RepositoryWish
    # As in bundle.toml, for the kind of host: a path may be relative.
    url: str
    access: Access
    metadata: Repository
    locked: LockedRepository
    keys: Keyring


def fetch_repository(
    wish: RepositoryWish,
    target: Target,
    keys: Keyring,
    seen: Sequence[LockedRepository],
    downloader: Downloader,
    folder: Path,
) -> FetchedRepository:
    """Fetch repomd.xml and what it names; raises DownloadFailed, RepositoryError, PackageRefused.

    `seen`: states of the same repositories that must not come back. `folder`: where relative paths start.
    """
    access = access_of(wish, folder)
    url = located(target.address(wish), folder)
    table, parsed = _fetch_table(url, access, keys if wish.signed_metadata else None, downloader)
    locked = LockedRepository(
        id=wish.id,
        target=target.name,
        url=target.address(wish),
        revision=parsed.revision,
        timestamp=parsed.timestamp,
        sha256=table.sha256,
    )
    # In the lock by its name, which another mirror has too; on this machine by its very place.
    _refuse_older(locked, [one for one in seen if wish.id == one.id or url == one.url])
    metadata = Repository(
        id=wish.id,
        repomd=parsed,
        files=_fetch_entries(url, access, parsed.entries, downloader),
        priority=wish.priority,
        cost=wish.cost,
        module_hotfixes=wish.module_hotfixes,
        excluded=wish.exclude,
    )
    return FetchedRepository(wish, target.address(wish), access, metadata, locked, keys)


def fetch_list(url: str, downloader: Downloader, access: Access) -> Repository:
    """Fetch what says which packages a repository has, and nothing more; raises DownloadFailed, RepositoryError."""
    _, parsed = _fetch_table(url, access, None, downloader)
    return Repository(url, parsed, _fetch_entries(url, access, (parsed.primary,), downloader))


def _fetch_table(
    url: str, access: Access, keys: Keyring | None, downloader: Downloader
) -> tuple[Fetched, repomd.Repomd]:
    """Fetch repomd.xml; `keys`: one of them must have signed it."""
    table = downloader.fetch(Wanted(f"{url}/{REPOMD}", access=access))
    content = table.path.read_bytes()
    if keys is not None:
        signature = downloader.fetch(Wanted(f"{url}/{REPOMD}.asc", access=access))
        check_detached(content, signature.path.read_bytes(), keys, f"{url}/{REPOMD}")
    return table, repomd.parse(content, f"{url}/{REPOMD}")


def _fetch_entries(
    url: str, access: Access, entries: Sequence[repomd.Entry], downloader: Downloader
) -> dict[str, Path]:
    files = downloader.fetch_all(
        Wanted(
            f"{url}/{entry.href}",
            entry.checksum.hex if entry.checksum.kind == "sha256" else None,
            entry.size_bytes,
            access,
        )
        for entry in entries
    )
    return {entry.kind: file.path for entry, file in zip(entries, files, strict=True)}


def _refuse_older(found: LockedRepository, seen: Sequence[LockedRepository]) -> None:
    for before in seen:
        if before.target == found.target and found.timestamp < before.timestamp:
            raise RepositoryError(
                "the repository's metadata are older than those that were seen before",
                where=f"{found.url} ({found.target})",
                found=f"timestamp {found.timestamp}, revision {found.revision}",
                expected=f"timestamp {before.timestamp} or later",
                hint="use another mirror; if the repository was really put back: --allow-older",
            )
