"""Blobs on their way: those that were changed here since the bundle was checked are told apart from bad lines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from staithe.bundle.read import read_bundle
from staithe.errors import BundleError, CommandFailed, TransferFailed
from staithe.transfer import not_arrived, read_whole


def test_who_is_to_blame(small_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(small_bundle, tmp_path / "bundle")
    bundle = read_bundle(tmp_path / "bundle")
    blob = bundle.engines[0].archive
    path = tmp_path / "bundle" / "blobs" / "sha256" / blob.hex
    said = CommandFailed("exit code 65", found="sha256 is another")
    assert read_whole(bundle, blob) == path.read_bytes()
    assert isinstance(not_arrived(bundle, blob, "h1", said), TransferFailed)
    path.write_bytes(bytes(blob.size_bytes))
    assert isinstance(not_arrived(bundle, blob, "h1", said), BundleError)
    with pytest.raises(BundleError, match=f"{blob.hex} was changed on this machine"):
        read_whole(bundle, blob)
