"""Whose signature an RPM package carries: checked in process, against keys that are pinned by their fingerprints.

`rpmkeys -K` takes a package without a signature for good; here it is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from staithe.errors import PackageRefused
from staithe.rpm.package_file import PackageHead, payload_sha256, read_head

if TYPE_CHECKING:
    from pysequoia import Cert


@dataclass(frozen=True)
class Keyring:
    """Public keys, all of them pinned."""

    certs: tuple[Cert, ...]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of the primary keys: hex digits in upper case."""
        return tuple(sorted(cert.fingerprint.upper() for cert in self.certs))


def read_keys(texts: Iterable[tuple[str, bytes]], pinned: Sequence[str]) -> Keyring:
    """Return the keys of (where, content), armored or not; raises PackageRefused for one that is not pinned."""
    # pysequoia looks back over its stack for errors of its own, and dies of that in a greenlet. Read once, by Rust.
    os.environ["RUST_LIB_BACKTRACE"] = "0"
    from pysequoia import Cert

    certs: dict[str, Cert] = {}
    for where, content in texts:
        try:
            found = Cert.split_bytes(content)
        except Exception as error:
            raise PackageRefused(f"this is no OpenPGP key: {_first_line(error)}", where=where) from error
        for cert in found:
            fingerprint = cert.fingerprint.upper()
            if fingerprint not in pinned:
                raise PackageRefused(
                    "the key is not the one that is pinned",
                    where=where,
                    found=fingerprint,
                    expected=" or ".join(pinned) or "a fingerprint in the bundle's description",
                    hint="compare it with what its owner publishes, then correct `fingerprints`",
                )
            if cert.is_revoked:
                raise PackageRefused("the key is revoked", where=where, found=fingerprint)
            certs[fingerprint] = cert
    return Keyring(tuple(certs.values()))


def check_head(head: PackageHead, keys: Keyring, where: str) -> str | None:
    """Return the fingerprint of the pinned key that signed the header.

    None: only header and payload together are signed, as in packages before rpm 4.14; `check_package` checks those.
    Raises PackageRefused when no pinned key signed it.
    """
    if head.header_signatures and head.payload_sha256 is not None:
        return _signer(head.header, head.header_signatures, keys, where)
    if not head.whole_signatures:
        raise PackageRefused(
            "the package is not signed" if not head.header_signatures else "nothing signs the package's payload",
            where=where,
            expected=f"a signature by {' or '.join(keys.fingerprints)}",
        )
    return None


def check_package(path: Path, keys: Keyring, where: str) -> tuple[PackageHead, str]:
    """Check a whole package; return its head and the fingerprint of the key that signed it. Raises PackageRefused."""
    with path.open("rb") as stream:
        head = read_head(stream, where)
        signer = check_head(head, keys, where)
        if signer is not None:
            found = payload_sha256(stream)
            if found != head.payload_sha256:
                raise PackageRefused(
                    "the package's payload is not the one that was signed",
                    where=where,
                    found=f"sha256 {found}",
                    expected=f"sha256 {head.payload_sha256}",
                )
            return head, signer
        return head, _signer(head.header + stream.read(), head.whole_signatures, keys, where)


def check_detached(content: bytes, signature: bytes, keys: Keyring, where: str) -> str:
    """Check a detached signature, armored or not; return the signer's fingerprint. Raises PackageRefused."""
    return _signer(content, [signature], keys, where, "the signature")


def _signer(
    content: bytes, signatures: Sequence[bytes], keys: Keyring, where: str, what: str = "the package's signature"
) -> str:
    import pysequoia

    reasons = []
    for packet in signatures:
        try:
            signature = pysequoia.Sig.from_bytes(packet)
            verified = pysequoia.verify(bytes=content, store=lambda _ids: list(keys.certs), signature=signature)
        except Exception as error:  # noqa: BLE001 pysequoia raises plain exceptions
            reasons.append(_first_line(error))
            continue
        if verified.valid_sigs:
            return str(verified.valid_sigs[0].certificate).upper()
    raise PackageRefused(
        f"{what} is not by a pinned key",
        where=where,
        found="; ".join(dict.fromkeys(reasons)) or None,
        expected=f"a signature by {' or '.join(keys.fingerprints)}",
    )


def _first_line(error: Exception) -> str:
    # pysequoia's errors go on with the library's own backtrace.
    return next(iter(str(error).splitlines()), type(error).__name__)
