"""Which versions of the engine a repository offers, for each kind of host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from staithe.errors import DownloadFailed
from staithe.rpm.nevra import Nevra
from staithe.rpm.repository import Repository
from staithe.rpm.solver import newest_first
from staithe.sourcing.access import Access
from staithe.sourcing.description import ENGINE_PACKAGE
from staithe.sourcing.download import Downloader
from staithe.sourcing.origin import Interruption, located
from staithe.sourcing.repository_download import fetch_list
from staithe.sourcing.target import Target


@dataclass(frozen=True)
class Offers:
    """What is on offer, newest first."""

    # Version -> {kind of host: the newest package of that version}.
    versions: Mapping[str, Mapping[str, Nevra]]
    # Kind of host -> why nothing is offered for it.
    without: Mapping[str, str]


def fetch_offers(
    addresses: Callable[[Target], Sequence[str]],
    targets: Iterable[Target],
    downloader: Downloader,
    folder: Path,
    access: Access | None = None,
) -> Offers:
    """Ask a repository what it has for each kind of host. `addresses` says where to look, one after the other.

    Raises RepositoryError, and DownloadFailed when it has nothing for any of them.
    """
    lists: list[Repository] = []
    failures: dict[str, DownloadFailed] = {}
    for target in targets:
        for address in addresses(target):
            try:
                found = fetch_list(located(address, folder), downloader, access or Access())
                lists.append(replace(found, id=target.name))
                failures.pop(target.name, None)
                break
            except DownloadFailed as error:
                if isinstance(error.__cause__, Interruption):
                    # Nobody answers there: asking for other hosts would be as vain.
                    raise
                failures.setdefault(target.name, error)
    if failures and not lists:
        raise next(iter(failures.values()))
    versions: dict[str, dict[str, Nevra]] = {}
    for target_name, nevra in newest_first(lists, ENGINE_PACKAGE):
        if nevra.arch in (target_name.partition("-")[2], "noarch"):
            versions.setdefault(nevra.version, {}).setdefault(target_name, nevra)
    return Offers(versions, {name: error.message for name, error in failures.items()})
