"""Makes bundle.lock from bundle.toml: fetches metadata, chooses, checks signatures, writes down the exact bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from staithe.bundle.archive_files import opened
from staithe.bundle.image_archive import read_image_archive
from staithe.errors import LockError, RepositoryError, UsageError
from staithe.rpm.nevra import Nevra
from staithe.rpm.signature import Keyring, read_keys
from staithe.sourcing import description_file
from staithe.sourcing.access import access_of, key_access_of
from staithe.sourcing.bases import KnownBase, read_bases
from staithe.sourcing.choice import Upgrade, choose_engine, choose_packages, engine_versions, idle_excludes
from staithe.sourcing.description import Description
from staithe.sourcing.download import Downloader, Wanted
from staithe.sourcing.image_lock import ImageLocking, image_names
from staithe.sourcing.lock_file import Lock, LockedImage, LockedKey, LockedPackage, LockedRepository
from staithe.sourcing.origin import located
from staithe.sourcing.package_lock import Chosen, lock_packages
from staithe.sourcing.repository_download import FetchedRepository, fetch_repository
from staithe.sourcing.static_archives import ARCHIVE_LIMIT_BYTES, lock_static, static_folder, static_names
from staithe.sourcing.target import Target
from staithe.sourcing.version_range import VersionRange


@dataclass
class Locking:
    """One `bundle lock`: what is asked for, and what has been found so far."""

    description: Description
    # Folder of bundle.toml.
    folder: Path
    former: Lock | None
    downloader: Downloader
    upgrade: Upgrade = Upgrade()  # noqa: RUF009 frozen
    # States of metadata that this machine has seen, beside those of the former lock.
    seen: tuple[LockedRepository, ...] = ()
    allow_older: bool = False
    say: Callable[[str], None] = lambda text: None

    fetched: tuple[FetchedRepository, ...] = ()
    # What a person has to know, although the lock is made.
    warnings: tuple[str, ...] = ()
    bases: dict[Target, list[KnownBase]] = field(default_factory=dict)

    def run(self) -> Lock:
        """Return the lock; the former one, itself, when nothing of it changes. Raises what its parts raise.

        `fetched` then has the repositories that were read.
        """
        if self.description.wants_packages:
            self.bases = read_bases(self.description.targets, self.folder)
        keyrings, keys = self._keys()
        repositories = {target: self._repositories(target, keyrings) for target in self._targets()}
        self.fetched = tuple(one for found in repositories.values() for one in found)
        self.warnings = idle_excludes(self.description, self.fetched)
        engine = self._engine(repositories)
        packages = self._packages(repositories, engine)
        wants_static = self.description.engine is not None and "static" in self.description.engine.sources
        self._check_upgrade(packages)
        images = ImageLocking(self.description, self.folder, self.former, self.downloader, self.upgrade)
        self.say("images and archives")
        lock = Lock(
            name=self.description.name,
            serial=1,
            description=description_file.digest(self.description),
            engine=engine,
            key=keys if packages else (),
            base=tuple(one.locked for found in self.bases.values() for one in found),
            repository=tuple(one.locked for one in self.fetched),
            package=packages,
            static=lock_static(self.description, engine or "", self.former, self.downloader, self.folder)
            if wants_static
            else (),
            image=tuple(self._image(one.archive) for one in self.description.image if one.archive is not None),
            oci_image=images.run(),
        )
        if self.former is None:
            return lock
        if lock.same_content(self.former):
            same_source = lock.description == self.former.description and set(lock.base) == set(self.former.base)
            return self.former if same_source else lock.model_copy(update={"serial": self.former.serial})
        return lock.model_copy(update={"serial": self.former.serial + 1})

    def _targets(self) -> list[Target]:
        if not self.description.wants_packages:
            return []
        targets = self.description.targets
        return [Target(major, arch) for major in targets.majors for arch in targets.archs]

    def _keys(self) -> tuple[dict[str, Keyring], tuple[LockedKey, ...]]:
        """Return each repository's keys, and the files that they came in."""
        if not self.description.wants_packages:
            return {}, ()
        self.say("keys")
        keyrings, locked = {}, {}
        for wish in self.description.repository:
            texts = []
            for address in wish.key_addresses:
                access = key_access_of(wish, address, self.folder)
                got = self.downloader.fetch(Wanted(located(address, self.folder), access=access))
                texts.append((address, got.path.read_bytes()))
                fingerprints = read_keys(texts[-1:], wish.pinned).fingerprints
                locked[got.sha256] = LockedKey(
                    url=address, size=got.size, sha256=got.sha256, fingerprints=fingerprints
                )
            keyrings[wish.id] = read_keys(texts, wish.pinned)
        return keyrings, tuple(locked.values())

    def _repositories(self, target: Target, keyrings: dict[str, Keyring]) -> list[FetchedRepository]:
        self.say(f"metadata for {target.name}")
        seen = () if self.allow_older else (*(self.former.repository if self.former else ()), *self.seen)
        found = [
            fetch_repository(wish, target, keyrings[wish.id], seen, self.downloader, self.folder)
            for wish in self.description.repository
            if target.has(wish)
        ]
        if not found:
            raise RepositoryError(
                f"no repository is for {target.name}",
                hint="correct majors and archs of [[repository]] in bundle.toml",
            )
        return found

    def _engine(self, repositories: dict[Target, list[FetchedRepository]]) -> str | None:
        wish = self.description.engine
        if wish is None:
            return None
        offers = []
        if "rpm" in wish.sources:
            for target, found in repositories.items():
                offers.append(engine_versions([one.metadata for one in found], target))
        if "static" in wish.sources and VersionRange.parse(wish.version).exact is None:
            address, access = static_folder(self.description), access_of(wish, self.folder)
            for arch in self.description.targets.archs:
                offers.append(set(static_names(address, access, arch, self.downloader, self.folder)))
        exact = VersionRange.parse(wish.version).exact
        return choose_engine(self.description, self.former, self.upgrade, offers or [{exact or ""}])

    def _packages(
        self, repositories: dict[Target, list[FetchedRepository]], engine: str | None
    ) -> tuple[LockedPackage, ...]:
        chosen: list[Chosen] = []
        for target, found in repositories.items():
            by_id = {one.wish.id: one for one in found}
            metadata = [one.metadata for one in found]
            bases: Sequence[KnownBase | None] = self.bases.get(target) or [None]
            for known in bases:
                self.say(f"packages for {target.name}" if known is None else f"packages for {known.name}")
                packages = choose_packages(
                    self.description, engine, target, metadata, self.former, self.upgrade, known
                )
                name = known.name if known is not None else None
                chosen += [Chosen(target.name, name, one, by_id[one.repository]) for one in packages]
        self.say("signatures")
        return lock_packages(chosen, self.former.package if self.former else (), self.downloader, self.folder)

    def _check_upgrade(self, packages: tuple[LockedPackage, ...]) -> None:
        """Refuse names that upgrade nothing: a mistyped one would look as if all were up to date."""
        former = self.former.package if self.former else ()
        known = {Nevra.parse(one.nevra).name for one in (*packages, *former)}
        if self.description.engine is not None:
            known.add("engine")
        known = known.union(*(image_names(one) for one in self.description.image))
        unknown = sorted(self.upgrade.names - known)
        if unknown:
            raise UsageError(
                "--upgrade names what the lock does not have",
                found=", ".join(unknown),
                expected="engine, or a package or image of bundle.lock",
                hint="grep -e nevra -e reference bundle.lock",
            )

    def _image(self, archive: str) -> LockedImage:
        got = self.downloader.fetch(Wanted(located(archive, self.folder), limit_bytes=ARCHIVE_LIMIT_BYTES))
        with opened(got.path, archive) as files:
            configs = {hashlib.sha256(image.config).hexdigest() for image in read_image_archive(files)}
        return LockedImage(url=archive, size=got.size, sha256=got.sha256, configs=tuple(sorted(configs)))


def write_lock(lock: Lock, path: Path) -> None:
    """Write bundle.lock: whole or not at all; where it is a symlink, what that leads to. Raises LockError."""
    try:
        path = path.resolve()
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            new.write_text(lock.text(), encoding="utf-8")
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        # RuntimeError: a symlink that leads to itself.
        why = error.strerror if isinstance(error, OSError) else error
        raise LockError(f"cannot be written: {why}", where=str(path)) from error
