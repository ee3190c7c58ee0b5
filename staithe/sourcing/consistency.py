"""Whether a bundle from a lock is what its lock says: packages and who signed them, metadata, bill of materials.

The bundle's own signature says that somebody answers for the whole; this says that the whole is no contradiction.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from staithe.bundle import reference
from staithe.bundle.contents import Blob, Bundle, PackageSet
from staithe.errors import BundleError, LockError, PackageRefused, RepositoryError
from staithe.rpm import repomd
from staithe.rpm.signature import Keyring, check_package, read_keys
from staithe.sourcing.lock_file import LOCK_NAME, Lock, parse_lock

_DOCUMENT_LIMIT_BYTES = 64 << 20
_AGAIN = "staithe bundle build   # from the lock; then compare: staithe bundle diff"


def check_consistency(bundle: Bundle) -> None:
    """Compare a bundle with the lock inside; raises BundleError, PackageRefused. A bundle without a lock has none.

    Every package is read whole.
    """
    if bundle.lock is None:
        if bundle.package_sets:
            raise BundleError("the bundle holds packages but no lock", where=str(bundle.root), hint=_AGAIN)
        return
    lock, where = _lock(bundle, bundle.lock), str(bundle.root)
    _compare("name", bundle.name, lock.name, where)
    _compare("serial", str(bundle.serial), str(lock.serial), where)
    static = {engine.archive.hex for engine in bundle.engines}
    _compare("engine archives", _names(static), _names({one.sha256 for one in lock.static}), where)
    targets = {target for package in lock.package for target in package.targets}
    images = {image.config.hex for image in bundle.images}
    locked = {config for one in lock.image for config in one.configs}
    locked |= {platform.config for one in lock.oci_image for platform in one.platform}
    _compare("images", _names(images), _names(locked), where)
    _compare("kinds of hosts", _names({one.target for one in bundle.package_sets}), _names(targets), where)
    check_names(bundle, lock, where)
    for package_set in bundle.package_sets:
        _check_set(bundle, package_set, lock)
    _check_bill(bundle, lock)


def _lock(bundle: Bundle, blob: Blob) -> Lock:
    try:
        return parse_lock(_read(bundle, blob), f"{bundle.root}: {LOCK_NAME}")
    except LockError as error:
        raise BundleError(f"the bundle's lock is none: {error.message}", where=error.where, hint=_AGAIN) from error


def check_names(bundle: Bundle, lock: Lock, where: str) -> None:
    """Compare what names lead to: images could have changed places, or have names that nobody gave them.

    Archives have names of their own, of which the lock knows nothing. Raises BundleError.
    """
    found = {(reference.full(name), one.arch): one.config.hex for one in bundle.images for name in one.references}
    locked = {(image.name, str(one.arch)): one.config for image in lock.oci_image for one in image.platform}
    archived = {config for one in lock.image for config in one.configs}
    for (name, arch), config in locked.items():
        _compare(f"{name} for {arch}", found.get((name, arch), ""), config, where)
    for name, arch in sorted(found.keys() - locked.keys()):
        if found[name, arch] not in archived:
            raise BundleError(
                "an image has a name that the lock does not give it",
                where=where,
                found=f"{name} for {arch}",
                expected=_names({one.name for one in lock.oci_image}),
                hint='reference = "NAME@sha256:..." of the manifest of one platform, with a name, in its [[image]]',
            )


def _check_set(bundle: Bundle, package_set: PackageSet, lock: Lock) -> None:
    where = f"{bundle.root}: packages for {package_set.target}"
    locked = {one.sha256: one for one in lock.package if package_set.target in one.targets}
    found = {one.blob.hex: one for one in package_set.packages}
    if found.keys() != locked.keys():
        names = [found[one].nevra for one in found.keys() - locked.keys()]
        names += [locked[one].nevra for one in locked.keys() - found.keys()]
        differing = _names(set(names))
        raise BundleError("the packages are not those of the lock", where=where, found=differing, hint=_AGAIN)
    _check_metadata(bundle, package_set, where)
    keys = _keys(bundle, package_set, {one.key for one in locked.values()}, where)
    for digest, package in found.items():
        named = locked[digest]
        entry = (package.nevra, package.key, package.file_name)
        if entry != (named.nevra, named.key, named.file_name):
            raise PackageRefused(
                "the package goes under another name than in the lock",
                where=where,
                found=package.nevra,
                expected=named.nevra,
            )
        _check_package(bundle, package.blob, package.nevra, package.key, keys)


def _check_package(bundle: Bundle, blob: Blob, nevra: str, key: str, keys: Keyring) -> None:
    where = f"{bundle.root}: {nevra}"
    with tempfile.NamedTemporaryFile(prefix="staithe-rpm-") as copy, bundle.open(blob) as stream:
        # A tar's member has no path of its own.
        path = Path(getattr(stream, "name", ""))
        if not path.is_file():
            shutil.copyfileobj(stream, copy)
            copy.flush()
            path = Path(copy.name)
        head, signer = check_package(path, keys, where)
    if head.nevra != nevra:
        raise PackageRefused("this is another package", where=where, found=head.nevra, expected=nevra)
    if signer != key:
        raise PackageRefused("another key signed the package", where=where, found=signer, expected=key)


def _keys(bundle: Bundle, package_set: PackageSet, pinned: set[str], where: str) -> Keyring:
    """Return the keys in the bundle; all of them are in the lock."""
    contents = [(f"{where}: {name}", _read(bundle, blob)) for name, blob in package_set.keys.items()]
    return read_keys(contents, sorted(pinned))


def _check_metadata(bundle: Bundle, package_set: PackageSet, where: str) -> None:
    try:
        table = repomd.parse(_read(bundle, package_set.metadata["repomd.xml"]), f"{where}: repomd.xml")
    except (KeyError, RepositoryError) as error:
        raise BundleError(f"the packages' metadata are none: {error}", where=where, hint=_AGAIN) from error
    for entry in table.entries:
        blob = package_set.metadata.get(entry.href.rpartition("/")[2])
        digest = blob.hex if blob is not None else "no such file"
        if digest != entry.checksum.hex:
            raise BundleError(
                f"the packages' metadata do not belong together: {entry.href}",
                where=where,
                found=digest,
                expected=entry.checksum.hex,
                hint=_AGAIN,
            )


def _check_bill(bundle: Bundle, lock: Lock) -> None:
    where = f"{bundle.root}: sbom.cdx.json"
    if bundle.sbom is None:
        raise BundleError("the bundle has a lock, but no bill of materials", where=where, hint=_AGAIN)
    try:
        components = json.loads(_read(bundle, bundle.sbom))["components"]
        named = {(one["name"], one["hashes"][0]["content"]) for one in components}
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise BundleError(f"the bill of materials is none: {error}", where=where, hint=_AGAIN) from error
    digests = {one.sha256 for one in (*lock.package, *lock.static, *lock.image)}
    digests |= {platform.manifest for one in lock.oci_image for platform in one.platform}
    names = {(one.nevra.rsplit("-", 2)[0], one.sha256) for one in lock.package}
    if {digest for _, digest in named} != digests or not names <= named:
        raise BundleError(
            "the bill of materials does not name what is in the bundle",
            where=where,
            found=_names({digest for _, digest in named} ^ digests) or "other names",
            hint=_AGAIN,
        )


def _read(bundle: Bundle, blob: Blob) -> bytes:
    with bundle.open(blob) as stream:
        content = stream.read(_DOCUMENT_LIMIT_BYTES)
    if hashlib.sha256(content).hexdigest() != blob.hex:
        raise BundleError("a blob was changed", where=f"{bundle.root}: {blob.hex}", hint=_AGAIN)
    return content


def _compare(what: str, found: str, expected: str, where: str) -> None:
    if found != expected:
        raise BundleError(
            f"the bundle's {what} are not those of its lock"
            if what.endswith("s")
            else f"the bundle's {what} is not that of its lock",
            where=where,
            found=found or "none",
            expected=expected or "none",
            hint=_AGAIN,
        )


def _names(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")
