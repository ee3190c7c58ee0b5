"""Makes a bundle from bundle.lock: fetches what it names, and nothing else, and believes none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from staithe.bundle.archive_files import KeptArchive
from staithe.bundle.attachment import Attachment
from staithe.bundle.build import EngineSource, build, check_target
from staithe.bundle.contents import Blob, Bundle
from staithe.bundle.layout import LOCK_ARTIFACT_TYPE, RPM_TYPE, SBOM_ARTIFACT_TYPE
from staithe.bundle.package_set import PackageFile, PackageSource
from staithe.errors import LockError, PackageRefused
from staithe.rpm.createrepo import Listed, write_metadata
from staithe.rpm.nevra import Nevra
from staithe.rpm.signature import Keyring, check_package, read_keys
from staithe.sourcing import description_file
from staithe.sourcing.access import Access, access_of, key_access_of
from staithe.sourcing.bases import base_digests
from staithe.sourcing.consistency import check_names
from staithe.sourcing.description import ENGINE_PACKAGE, Description
from staithe.sourcing.download import Downloader, Fetched, Wanted
from staithe.sourcing.fetched_images import fetch_images
from staithe.sourcing.image_source import Registries
from staithe.sourcing.lock_file import LOCK_NAME, Lock, LockedFile, LockedKey, LockedPackage, LockedStatic
from staithe.sourcing.origin import located


@dataclass(frozen=True)
class Building:
    """One `bundle build` from a lock."""

    description: Description
    # Folder of bundle.toml.
    folder: Path
    lock: Lock
    downloader: Downloader
    say: Callable[[str], None]

    def run(self, out: Path, *, replace: bool) -> Bundle:
        """Write the bundle and return it as it is read back; raises what its parts raise."""
        require_current(self.lock, self.description, self.folder)
        check_target(out.absolute(), replace)
        if self.lock.oci_image:
            self.say("manifests of images")
        with Registries(self.description.registry, self.folder) as registries:
            images = fetch_images(self.lock.oci_image, registries, self.downloader, self.folder)
            self.say(f"{len(self._files()) + len(images.wanted)} files")
            # Its library takes as long to load as a small bundle takes to write: that goes on while files come.
            with ThreadPoolExecutor(1) as aside:
                sbom = aside.submit(self._sbom)
                paths, packages = self._fetch(images.wanted)
        targets = sorted({target for one in self.lock.package for target in one.targets})
        self.say("metadata and blobs")
        return build(
            [EngineSource(paths[one.sha256], one.version) for one in self.lock.static],
            [
                *(KeptArchive(paths[one.sha256], one.url) for one in self.lock.image),
                *([images.layout(paths)] if images.images else []),
            ],
            out,
            replace=replace,
            name=self.lock.name,
            serial=self.lock.serial,
            package_sets=[self._package_set(target, packages, paths) for target in targets],
            attachments=[
                Attachment(LOCK_NAME, LOCK_ARTIFACT_TYPE, self.lock.text().encode()),
                Attachment("sbom.cdx.json", SBOM_ARTIFACT_TYPE, sbom.result()),
            ],
            check=lambda made: check_names(made, self.lock, LOCK_NAME),
        )

    def _sbom(self) -> bytes:
        from staithe.sourcing.sbom import sbom_text

        return sbom_text(self.lock).encode()

    def _files(self) -> list[LockedFile]:
        return [*self.lock.key, *self.lock.package, *self.lock.static, *self.lock.image]

    def _fetch(self, more: Iterable[Wanted]) -> tuple[dict[str, Path], dict[str, PackageFile]]:
        """Return where each file is, and the packages, by digest. A package is checked while others come."""
        fetch = self.downloader.fetch_all
        paths = {one.sha256: one.path for one in fetch(map(self._wanted, self.lock.key))}
        keys = self._keyring(paths)
        locked = {one.sha256: one for one in self.lock.package}
        packages: dict[str, PackageFile] = {}

        def check(_wanted: Wanted, fetched: Fetched) -> None:
            if fetched.sha256 in locked:
                packages[fetched.sha256] = _checked(locked[fetched.sha256], fetched.path, keys)

        wanted = [self._wanted(one) for one in self._files() if one not in self.lock.key]
        return paths | {one.sha256: one.path for one in fetch([*wanted, *more], check)}, packages

    def _wanted(self, file: LockedFile) -> Wanted:
        return Wanted(located(file.url, self.folder), file.sha256, file.size, self._access(file))

    def _access(self, file: LockedFile) -> Access:
        if isinstance(file, LockedStatic) and self.description.engine is not None:
            return access_of(self.description.engine, self.folder)
        for wish in self.description.repository:
            if isinstance(file, LockedPackage) and file.repository == wish.id:
                return access_of(wish, self.folder)
            if isinstance(file, LockedKey) and file.url in wish.key_addresses:
                return key_access_of(wish, file.url, self.folder)
        return Access()

    def _keyring(self, paths: dict[str, Path]) -> Keyring:
        pinned = [fingerprint for wish in self.description.repository for fingerprint in wish.pinned]
        return read_keys([(one.url, paths[one.sha256].read_bytes()) for one in self.lock.key], pinned)

    def _package_set(self, target: str, packages: dict[str, PackageFile], paths: dict[str, Path]) -> PackageSource:
        chosen = [packages[one.sha256] for one in self.lock.package if target in one.targets]
        # On a base that has it already there is none among them.
        has_engine = any(Nevra.parse(one.nevra).name == ENGINE_PACKAGE for one in chosen)
        return PackageSource(
            target=target,
            engine=self.lock.engine if has_engine else None,
            packages=chosen,
            metadata=write_metadata([_listed(one) for one in chosen], str(self.lock.serial)),
            keys=_key_files(
                (one.fingerprints[0], paths[one.sha256].read_bytes())
                for one in self.lock.key
                if {package.key for package in chosen} & set(one.fingerprints)
            ),
        )


def require_current(lock: Lock, description: Description, folder: Path) -> None:
    """Raise LockError when bundle.toml or a base is no longer what the lock was made from."""
    if lock.name != description.name or lock.description != description_file.digest(description):
        raise LockError(
            "bundle.toml has changed since bundle.lock was made",
            hint="staithe bundle lock   # then review and commit both",
        )
    now = base_digests(description.targets, folder) if description.wants_packages else {}
    changed = sorted(dict(now.items() ^ {one.name: one.sha256 for one in lock.base}.items()))
    if changed:
        raise LockError(
            "the bases have changed since bundle.lock was made",
            found=", ".join(changed),
            hint="staithe bundle lock   # then review and commit both",
        )


def _checked(package: LockedPackage, path: Path, keys: Keyring) -> PackageFile:
    """Return a package whose signature, digest of the payload and name are what the lock says."""
    where = f"{package.nevra}: {package.url}"
    head, signer = check_package(path, keys, where)
    if head.nevra != package.nevra:
        raise PackageRefused("this is another package", where=where, found=head.nevra, expected=package.nevra)
    if signer != package.key:
        raise PackageRefused("another key signed the package", where=where, found=signer, expected=package.key)
    blob = Blob(f"sha256:{package.sha256}", package.size, RPM_TYPE)
    return PackageFile(package.nevra, package.file_name, package.key, path, blob, head.payload_start)


def _listed(package: PackageFile) -> Listed:
    blob = package.blob
    return Listed(package.file_name, package.path, blob.hex, blob.size_bytes, package.payload_start)


def _key_files(keys: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    return {f"RPM-GPG-KEY-{fingerprint[-16:]}": content for fingerprint, content in keys}
