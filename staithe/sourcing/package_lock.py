"""Writes down chosen packages: where each is, what it hashes to, and which pinned key signed it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from staithe.errors import PackageRefused, RepositoryError
from staithe.rpm.closure import Package
from staithe.rpm.package_file import read_head
from staithe.rpm.signature import Keyring, check_head, check_package
from staithe.sourcing.download import PARALLEL, Downloader, Wanted
from staithe.sourcing.lock_file import LockedPackage
from staithe.sourcing.origin import located
from staithe.sourcing.repository_download import FetchedRepository

# Headers of packages have some tens of KiB; those of kernels some MiB.
_HEAD_BYTES = 128 << 10
_HEAD_LIMIT_BYTES = 32 << 20


@dataclass(frozen=True)
class Chosen:
    """A package that hosts of a kind need."""

    target: str
    # Name of the base that lacks it; None: such hosts have nothing.
    base: str | None
    package: Package
    repository: FetchedRepository


def lock_packages(
    chosen: Sequence[Chosen],
    former: Sequence[LockedPackage],
    downloader: Downloader,
    folder: Path,
) -> tuple[LockedPackage, ...]:
    """Return the packages, one that several kinds of hosts need once; raises PackageRefused for an unsigned one.

    Of a package whose signer the former lock does not know the head is fetched, and little more.
    """
    known = {one.sha256: one.key for one in former}
    locked: dict[str, LockedPackage] = {}
    wanted = {(one.package.checksum.hex, one.repository.wish.id): one for one in reversed(chosen)}
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = {
            key: pool.submit(_lock, one.package, one.repository, known, downloader, folder)
            for key, one in wanted.items()
        }
        try:
            for one in chosen:
                made = jobs[one.package.checksum.hex, one.repository.wish.id].result()
                before = locked.get(made.sha256, made)
                locked[made.sha256] = before.model_copy(
                    update={
                        "targets": tuple(dict.fromkeys((*before.targets, one.target))),
                        "bases": (*before.bases, one.base) if one.base is not None else before.bases,
                    }
                )
        except BaseException:
            downloader.stop()
            for job in jobs.values():
                job.cancel()
            raise
    return tuple(locked.values())


def _lock(
    package: Package, repository: FetchedRepository, known: Mapping[str, str], downloader: Downloader, folder: Path
) -> LockedPackage:
    url = f"{repository.url}/{package.href}"
    if package.checksum.kind != "sha256":
        raise RepositoryError(
            "the repository names its packages' checksums in another kind",
            where=f"{package.nevra}: {url}",
            found=package.checksum.kind,
            expected="sha256",
        )
    key = known.get(package.checksum.hex)
    if key not in repository.keys.fingerprints:
        wanted = Wanted(located(url, folder), package.checksum.hex, package.size_bytes, repository.access)
        key = _signer(wanted, str(package.nevra), repository.keys, downloader)
    return LockedPackage(
        nevra=str(package.nevra),
        repository=package.repository,
        url=url,
        size=package.size_bytes,
        sha256=package.checksum.hex,
        key=key,
        targets=(),
    )


def _signer(wanted: Wanted, nevra: str, keys: Keyring, downloader: Downloader) -> str:
    where = f"{nevra}: {wanted.url}"
    size = _HEAD_BYTES
    while True:
        content = downloader.head(wanted, size)
        try:
            head = read_head(io.BytesIO(content), where)
            break
        except PackageRefused:
            if len(content) < size or size >= _HEAD_LIMIT_BYTES:
                raise
            size *= 4
    if head.nevra != nevra:
        raise PackageRefused("this is another package", where=where, found=head.nevra, expected=nevra)
    signer = check_head(head, keys, where)
    if signer is None:
        _, signer = check_package(downloader.fetch(wanted).path, keys, where)
    return signer
