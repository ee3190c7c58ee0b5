"""What `bundle lock` believes of a repository's metadata."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.rpm_site import HAS_TOOLS, Site

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


def age(site: Site, repository: str) -> None:
    """Let a repository go back to what it was a day ago."""
    table = site.home / repository / "repodata/repomd.xml"
    text = table.read_text()
    for stamp in set(re.findall(r"<timestamp>(\d+)<", text)):
        text = text.replace(stamp, str(int(stamp) - 86400))
    table.write_text(text)


def test_metadata_that_went_back_are_refused(site: Site) -> None:
    site.run("lock")
    age(site, "docker")
    told = site.run("lock", code=2).stderr
    assert "older than those that were seen before" in told
    # The lock alone is enough to see it, and so is what this machine has seen.
    (site.home / "cache/seen-metadata.json").unlink()
    site.run("lock", code=2)
    site.run("lock", "--allow-older")


def test_another_site_of_the_same_names_is_another_site(site: Site, tmp_path: Path) -> None:
    other = site.copy(tmp_path / "other")
    age(other, "docker")
    site.run("lock")
    other.run("lock", env={"STAITHE_CACHE": str(site.home / "cache")})


def test_metadata_that_were_only_looked_at_count_too(site: Site) -> None:
    site.run("lock", "--check", code=3)
    age(site, "base")
    assert not site.lock.exists()
    assert "E106" in site.run("lock", code=2).stderr


def test_a_changed_list_of_packages_is_refused(site: Site) -> None:
    (primary,) = site.home.glob("docker/repodata/*primary.xml*")
    content = bytearray(primary.read_bytes())
    content[-5] ^= 1
    primary.write_bytes(content)
    assert site.run("lock", code=5).stderr.count("expected") >= 1
    assert not site.lock.exists()


def test_signed_metadata(site: Site) -> None:
    text = (site.home / "bundle.toml").read_text()
    (site.home / "bundle.toml").write_text(text.replace("[[repository]]", "[[repository]]\nsigned_metadata = true"))
    assert "repomd.xml.asc" in site.run("lock", code=5).stderr
    for repository in ("docker", "base"):
        sign_metadata(site, repository, "lab")
    site.run("lock")
    sign_metadata(site, "base", "other")
    assert "not by a pinned key" in site.run("lock", code=5).stderr


def sign_metadata(site: Site, repository: str, key: str) -> None:
    table = site.home / repository / "repodata/repomd.xml"
    table.with_name("repomd.xml.asc").unlink(missing_ok=True)
    gpg = ["gpg", "--homedir", site.home / "gnupg", "--batch", "--quiet", "-u", f"{key}@lab.invalid"]
    subprocess.run([*gpg, "--armor", "--detach-sign", table], check=True)
    subprocess.run(["gpgconf", "--homedir", site.home / "gnupg", "--kill", "all"], check=True)
