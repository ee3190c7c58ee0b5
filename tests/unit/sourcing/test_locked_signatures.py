"""Which packages `bundle lock` takes: those that a pinned key signed, under their own names."""

from __future__ import annotations

from pathlib import Path

import createrepo_c
import pytest

from staithe.lab.rpm_specs import Stub
from tests.rpm_site import HAS_TOOLS, Site, engine, sha256

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


@pytest.mark.parametrize("key", [None, "other"])
def test_a_package_that_no_pinned_key_signed_is_refused(site: Site, key: str | None) -> None:
    site.add("docker", engine("28.6.0"), key=key)
    told = site.run("lock", code=5).stderr
    assert "E405" in told
    assert ("not signed" if key is None else "not by a pinned key") in told
    assert "28.6.0" in told
    assert not site.lock.exists()


def test_a_package_under_another_name_is_refused(site: Site) -> None:
    # Validly signed, but what the metadata call 2.7.0 is the old one: a known hole comes back.
    (new,) = site.add("base", [Stub("libseccomp", "2.7.0-1")])
    (old,) = site.home.glob("base/libseccomp-2.5.2*.rpm")
    forge(site.home / "base", new, old)
    told = site.run("lock", code=5).stderr
    assert "this is another package (found libseccomp-2.5.2-2.el9.noarch, expected libseccomp-2.7.0-1" in told


def forge(repository: Path, name: Path, content: Path) -> None:
    """Let the metadata describe `name` while the file is `content`: whoever has the mirror can."""
    described = {path: createrepo_c.package_from_rpm(str(path)) for path in sorted(repository.glob("*.rpm"))}
    described[name].pkgId, described[name].size_package = sha256(content), content.stat().st_size
    name.write_bytes(content.read_bytes())
    with createrepo_c.RepositoryWriter(str(repository)) as writer:
        writer.set_num_of_pkgs(len(described))
        for path, package in described.items():
            package.location_href = path.name
            writer.add_pkg(package)


def test_a_key_that_is_not_pinned_is_refused(site: Site) -> None:
    text = (site.home / "bundle.toml").read_text()
    (site.home / "bundle.toml").write_text(text.replace(site.fingerprint, "0" * 40))
    told = site.run("lock", code=5).stderr
    assert site.fingerprint in told
    assert "0" * 40 in told
