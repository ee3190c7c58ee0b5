"""Verifies what a bundle holds, to the last byte. Who answers for it is another question: signatures.py."""

from __future__ import annotations

from staithe.bundle.contents import Bundle
from staithe.bundle.read import verify_blobs


def verify(bundle: Bundle) -> None:
    """Hash every blob, and compare the whole with the lock inside; raises BundleError, PackageRefused."""
    verify_blobs(bundle)
    if bundle.lock is not None or bundle.package_sets:
        # Only here: a run without packages does not pay for what reads them.
        from staithe.sourcing.consistency import check_consistency

        check_consistency(bundle)
