"""Whether the packages of a bundle can be verified where MD5 and SHA-1 are not to be used (FIPS)."""

from __future__ import annotations

from collections.abc import Iterable

from staithe.bundle.contents import Bundle, Package
from staithe.errors import PackageRefused
from staithe.rpm.package_file import read_head

# Digest of a package's blob -> whether header and payload have a SHA-256; read once for all hosts of a run.
_KNOWN: dict[str, bool] = {}


def without_sha256(bundle: Bundle, packages: Iterable[Package]) -> tuple[Package, ...]:
    """Return the packages whose header or payload has no SHA-256. Raises BundleError for a blob that is gone."""
    return tuple(one for one in packages if not _has_sha256(bundle, one))


def _has_sha256(bundle: Bundle, package: Package) -> bool:
    digest = package.blob.digest
    if digest not in _KNOWN:
        with bundle.open(package.blob) as stream:
            try:
                head = read_head(stream, package.file_name)
            except PackageRefused:
                return False
        _KNOWN[digest] = head.has_header_sha256 and head.payload_sha256 is not None
    return _KNOWN[digest]
