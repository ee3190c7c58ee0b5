"""The public key of the package repository, told by its fingerprint. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from staithe.errors import PackageRefused
from staithe.rpm.signature import read_keys


def is_pinned(text: str, fingerprints: Sequence[str]) -> bool:
    """Tell whether a text holds public keys, all of them pinned."""
    try:
        return bool(key_ids(text, tuple(fingerprints), ""))
    except PackageRefused:
        return False


@lru_cache(maxsize=64)
def key_ids(text: str, fingerprints: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Return the keys' ids as rpm names them (gpg-pubkey-ID): eight hex digits.

    Raises PackageRefused for a text that is no key, or a key that is not pinned.
    """
    found = read_keys([(where, text.encode())], fingerprints).fingerprints
    if not found:
        raise PackageRefused("no public key is in it", where=where, expected=" or ".join(fingerprints))
    return tuple(one[-8:].lower() for one in found)
