"""A bundle's packages are the cache's own files, under another name."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

import pytest

from tests.rpm_site import HAS_TOOLS, Site, sha256

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="rpmbuild, rpmsign and gpg make the packages")


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.rglob("*") if path.is_file()}


def test_packages_are_not_copied_where_they_need_not_be(site: Site) -> None:
    site.run("lock")
    site.run("build")
    bundle = site.home / "bundle"
    names = [one["sha256"] for one in tomllib.loads(site.lock.read_text())["package"]]
    assert names
    for name in names:
        assert (bundle / "blobs/sha256" / name).samefile(site.home / "cache/sha256" / name)
    before = _digests(bundle)

    # On another disk there can be no second name.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        assert Path(other).stat().st_dev != bundle.stat().st_dev
        site.run("build", "--force", env={"STAITHE_CACHE": other})
        assert {(bundle / "blobs/sha256" / name).stat().st_nlink for name in names} == {1}
    assert _digests(bundle) == before
