"""`staithe bundle build` from a lock. What is in a bundle is asked of sha256, rpm, gpg and jsonschema's own words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from staithe.bundle.read import read_bundle
from staithe.desired import desired_for
from staithe.errors import BundleError
from staithe.lab import rpms
from tests.archives import engine_archive
from tests.rpm_site import CLI, HAS_TOOLS, Site, files_of, sha256
from tests.unit import states

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


def document(folder: Path, descriptor: dict[str, Any]) -> Any:
    return json.loads((folder / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes())


def artifacts_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the manifests by their names in the index."""
    index = json.loads((folder / "index.json").read_bytes())
    return {
        one["annotations"]["org.opencontainers.image.ref.name"]: document(folder, one) for one in index["manifests"]
    }


def repository_of(bundle: Path, target: Path) -> Path:
    """Lay a package set out as a repository, by the titles of its layers."""
    for layer in artifacts_of(bundle)["packages:el9-x86_64"]["layers"]:
        path = target / layer["annotations"]["org.opencontainers.image.title"]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(bundle / "blobs/sha256" / layer["digest"].removeprefix("sha256:"), path)
    return target


def test_the_bundle_holds_what_the_lock_names(locked: Site) -> None:
    told = locked.run("build").stdout
    assert "6 packages with engine 28.5.1 for el9" in told
    bundle = locked.home / "bundle"
    for name, digest in files_of(bundle).items():
        assert not name.startswith("blobs/") or name.endswith(digest)
    lock = locked.locked
    blobs = {path.name for path in (bundle / "blobs/sha256").iterdir()}
    assert {one["sha256"] for one in (*lock["package"], *lock["key"])} <= blobs
    assert sha256(locked.lock) in blobs, "the lock itself"
    annotations = json.loads((bundle / "index.json").read_bytes())["annotations"]
    assert annotations["dev.staithe.lock.serial"] == "1"


def test_the_package_set_is_a_repository_that_rpm_trusts(locked: Site, tmp_path: Path) -> None:
    locked.run("build")
    repository = repository_of(locked.home / "bundle", tmp_path / "repository")
    names = sorted(path.name for path in repository.glob("*.rpm"))
    assert names[:2] == ["bash-5.1.8-9.el9.noarch.rpm", "container-selinux-2.232.1-1.el9.noarch.rpm"]
    (key,) = repository.glob("RPM-GPG-KEY-*")
    database = ["--dbpath", str(tmp_path / "rpmdb")]
    subprocess.run(["rpmkeys", *database, "--import", key], check=True)
    for path in repository.glob("*.rpm"):
        told = subprocess.check_output(["rpmkeys", *database, "-Kv", path], text=True)
        assert "Header V4 RSA/SHA256 Signature" in told and "NOKEY" not in told
    table = ET.parse(repository / "repodata/repomd.xml").getroot()
    space = "{http://linux.duke.edu/metadata/repo}"
    for data in table.findall(f"{space}data"):
        location, checksum = data.find(f"{space}location"), data.find(f"{space}checksum")
        assert location is not None and checksum is not None
        assert sha256(repository / location.attrib["href"]) == checksum.text


def test_the_bill_of_materials_names_everything_by_its_digest(locked: Site) -> None:
    locked.run("build")
    bundle = locked.home / "bundle"
    (layer,) = artifacts_of(bundle)["sbom.cdx.json"]["layers"]
    bom = document(bundle, layer)
    lock = locked.locked
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", "site-a")
    assert {one["hashes"][0]["content"] for one in bom["components"]} == {one["sha256"] for one in lock["package"]}
    (engine,) = [one for one in bom["components"] if one["name"] == "docker-ce"]
    assert engine["purl"].startswith("pkg:rpm/docker-ce@28.5.1-1.el9?arch=noarch&epoch=3")


def test_the_same_lock_gives_the_same_bytes(locked: Site, tmp_path: Path) -> None:
    locked.run("build")
    other = locked.copy(tmp_path / "another place")
    shutil.rmtree(other.home / "cache")
    shutil.rmtree(other.home / "bundle")
    for path in other.home.rglob("*.rpm"):
        os.utime(path, (1, 1_000_000_000))
    env = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "C", "RPM_CONFIGDIR": "/nowhere", "PYTHONHASHSEED": "7"}
    script = f"umask 077; exec {CLI} bundle build {str(other.home)!r}"
    done = subprocess.run(
        ["taskset", "-c", "0", "sh", "-c", script],
        env={**os.environ, **env, "STAITHE_CACHE": str(other.home / "cache")},
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    assert files_of(other.home / "bundle") == files_of(locked.home / "bundle")


def test_a_package_that_was_replaced_is_refused(locked: Site) -> None:
    (path,) = locked.home.glob("docker/containerd.io*.rpm")
    rpms.sign(locked.home / "gnupg", "other", [path])
    told = locked.run("build", code=5).stderr
    assert "E404" in told and "containerd.io" in told
    assert not (locked.home / "bundle").exists()


@pytest.mark.parametrize("harm", ["other key", "unsigned", "another package"])
def test_a_lock_that_was_edited_does_not_help(locked: Site, harm: str) -> None:
    """Somebody changes package and lock together; the pinned key does not sign for him."""
    (path,) = locked.home.glob("docker/containerd.io*.rpm")
    old = sha256(path)
    size = path.stat().st_size
    if harm == "other key":
        rpms.sign(locked.home / "gnupg", "other", [path])
    elif harm == "unsigned":
        subprocess.run(["rpmsign", "--delsign", path], check=True, capture_output=True)
    else:
        (other,) = locked.home.glob("base/tar*.rpm")
        shutil.copy(other, path)
    text = locked.lock.read_text()
    entry = f'size = {size}\nsha256 = "{old}"'
    assert entry in text
    locked.lock.write_text(text.replace(entry, f'size = {path.stat().st_size}\nsha256 = "{sha256(path)}"'))
    told = locked.run("build", code=5).stderr
    assert "E405" in told and "containerd.io-2.1.9" in told
    assert not (locked.home / "bundle").exists()


def test_a_bundle_is_not_exported_into_itself(locked: Site) -> None:
    locked.run("build")
    before = files_of(locked.home / "bundle")
    assert "not written into itself" in locked.run("export", "bundle", "--out", "bundle/x.tar", code=2).stderr
    assert files_of(locked.home / "bundle") == before


def test_a_bundle_with_packages_alone_says_what_it_lacks(locked: Site) -> None:
    locked.run("build")
    bundle = read_bundle(locked.home / "bundle")
    config = states.config(engine={"bundle": "bundle"})
    with pytest.raises(BundleError, match="only as packages"):
        desired_for(config, states.bare(), bundle)


def test_a_description_that_changed_wants_a_new_lock(locked: Site) -> None:
    locked.describe('[engine]\nversion = "28.5"\n')
    told = locked.run("build", code=2).stderr
    assert "E110" in told and "staithe bundle lock" in told


def test_without_a_lock_it_says_what_to_type(site: Site) -> None:
    assert "try: staithe bundle lock" in site.run("build", code=2).stderr
    (site.home / "bundle.toml").unlink()
    assert "staithe bundle init" in site.run("build", code=2).stderr
    assert "do not go with a lock" in site.run("build", ".", "--serial", "3", "--name", "a", code=2).stderr


def test_what_is_in_the_way_stays(locked: Site) -> None:
    (locked.home / "bundle").mkdir()
    (locked.home / "bundle/letter").write_text("dear")
    shutil.rmtree(locked.home / "cache")
    assert "not overwritten" in locked.run("build", code=5).stderr
    assert not list((locked.home / "cache").rglob("*/*")), "nothing was fetched for nothing"
    assert (locked.home / "bundle/letter").read_text() == "dear"


def test_archives_and_images_come_along(locked: Site) -> None:
    folder = locked.home / "static/x86_64"
    folder.mkdir(parents=True)
    engine_archive(folder, "28.5.2")
    locked.describe('[engine]\nversion = "28.5.2"\nsources = ["static"]\nstatic = "static"\n', base="base")
    locked.run("lock")
    told = locked.run("build").stdout
    assert "engine 28.5.2" in told and "packages" not in told
    assert sha256(folder / "docker-28.5.2.tgz") in {
        path.name for path in (locked.home / "bundle/blobs/sha256").iterdir()
    }


def test_a_place_where_nothing_can_be_is_told(locked: Site) -> None:
    assert "E400" in locked.run("build", "--out", "bundle.toml/below", code=5).stderr


def test_the_file_is_as_good_as_its_folder(locked: Site) -> None:
    locked.run("build", "bundle.toml")
    assert (locked.home / "bundle/index.json").exists()


def test_a_serial_does_not_go_with_a_lock(locked: Site) -> None:
    assert "do not go with a lock" in locked.run("build", "--serial", "0", code=2).stderr
