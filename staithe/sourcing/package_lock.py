"""Writes down chosen packages: where each is, what it hashes to, and which pinned key signed it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from staithe.errors import PackageRefused, RepositoryError
from staithe.rpm.closure import Package
from staithe.rpm.package_file import read_head
from staithe.rpm.signature import Keyring, check_head, check_package
from staithe.sourcing.download import PARALLEL, Downloader, Wanted
from staithe.sourcing.lock_file import LockedPackage
from staithe.sourcing.origin import located
from staithe.sourcing.repository_download import FetchedRepository
from staithe.sourcing.target import Target

# Headers of packages have some tens of KiB; those of kernels some MiB.
_HEAD_BYTES = 128 << 10
_HEAD_LIMIT_BYTES = 32 << 20


def lock_packages(
    chosen: Mapping[Target, Sequence[tuple[Package, FetchedRepository]]],
    former: Sequence[LockedPackage],
    downloader: Downloader,
    folder: Path,
) -> tuple[LockedPackage, ...]:
    """Return the packages, one that several kinds of hosts need once; raises PackageRefused for an unsigned one.

    Of a package whose signer the former lock does not know the head is fetched, and little more.
    """
    known = {one.sha256: one.key for one in former}
    locked: dict[str, LockedPackage] = {}
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [
            (target, pool.submit(_lock, package, repository, known, downloader, folder))
            for target, packages in chosen.items()
            for package, repository in packages
        ]
        try:
            for target, job in jobs:
                one = job.result()
                before = locked.get(one.sha256, one)
                locked[one.sha256] = before.model_copy(update={"targets": (*before.targets, target.name)})
        except BaseException:
            downloader.stop()
            for _, job in jobs:
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
