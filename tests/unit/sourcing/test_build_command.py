"""`staithe bundle build` from a lock. What is in a bundle is asked of sha256, rpm, gpg and jsonschema's own words."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from staithe.bundle.read import read_bundle
from staithe.desired import desired_for
from staithe.errors import BundleError
from staithe.lab import rpms
from tests.archives import engine_archive
from tests.file_server import file_server
from tests.rpm_site import CLI, HAS_TOOLS, Site, sha256
from tests.unit import states

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


def files_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


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


@pytest.fixture
def locked(site: Site) -> Site:
    site.run("lock")
    return site


def test_the_bundle_holds_what_the_lock_names(locked: Site) -> None:
    told = locked.run("build").stdout
    assert "6 packages with engine 28.5.1 for el9" in told
    bundle = locked.home / "bundle"
    for name, digest in files_of(bundle).items():
        assert not name.startswith("blobs/") or name.endswith(digest)
    lock = tomllib.loads(locked.lock.read_text())
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
    lock = tomllib.loads(locked.lock.read_text())
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


def test_offline_takes_all_from_the_cache(locked: Site) -> None:
    told = locked.run("build", "--offline", code=5).stderr
    assert "--offline fetches nothing" in told
    assert not (locked.home / "bundle").exists()
    locked.run("build")
    for folder in ("docker", "base"):
        shutil.rmtree(locked.home / folder)
    before = files_of(locked.home / "bundle")
    locked.run("build", "--offline", "--force")
    assert files_of(locked.home / "bundle") == before


def test_two_bundles_share_what_was_fetched(locked: Site) -> None:
    locked.run("build")
    locked.run("build", "--out", "second", "--offline")
    assert files_of(locked.home / "second") == files_of(locked.home / "bundle")


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


def test_killed_anywhere_it_goes_on_where_it_was(site: Site) -> None:
    seed = int(os.environ.get("STAITHE_KILL_SEED") or random.randrange(10**6))
    print(f"STAITHE_KILL_SEED={seed}")
    chance = random.Random(seed)
    folder = site.home / "static/x86_64"
    folder.mkdir(parents=True)
    with file_server() as server:
        shutil.copy(
            engine_archive(site.home, "28.5.2", padding=chance.randbytes(24 << 20)), folder / "docker-28.5.2.tgz"
        )
        files = [path for path in site.home.rglob("*") if path.is_file()]
        server.files = {f"/{path.relative_to(site.home)}": path.read_bytes() for path in files}
        server.pace_bytes_per_s = 40 << 20
        site.describe(
            f'[engine]\nversion = "28.5.2"\nsources = ["static"]\nstatic = "{server.url}/static"\n', base="base"
        )
        server.files["/static/x86_64/"] = b'<a href="docker-28.5.2.tgz">'
        site.run("lock")
        shutil.rmtree(site.home / "cache")
        server.requests.clear()
        for _ in range(8):
            process = subprocess.Popen(
                [CLI, "bundle", "build"],
                cwd=site.home,
                env={**os.environ, "STAITHE_CACHE": str(site.home / "cache")},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(chance.uniform(0.3, 1.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
            for name, digest in files_of(site.home / "cache/sha256").items():
                assert name == digest, "a wrong file under a right name"
        site.run("build", "--force")
        size = (folder / "docker-28.5.2.tgz").stat().st_size
        # What was on the wire or in a buffer when it was killed comes again; nothing else.
        assert server.sent_bytes < size + 9 * (4 << 20)
    bundle = site.home / "bundle"
    for name, digest in files_of(bundle).items():
        assert not name.startswith("blobs/") or name.endswith(digest)
    assert not list(site.home.glob(".bundle*")), "drafts of killed runs stay"


def test_a_full_disk_is_told(locked: Site, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts a tmpfs")
    small = tmp_path / "small"
    small.mkdir()
    script = f"mount -t tmpfs -o size=16k none {small} && exec {CLI} bundle build"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=locked.home,
        env={**os.environ, "STAITHE_CACHE": str(small)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert "No space left" in done.stderr
    assert not (locked.home / "bundle").exists()


def test_a_full_disk_for_the_bundle_is_told(locked: Site, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts a tmpfs")
    small = tmp_path / "small"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=16k none {small}; {CLI} bundle build --out {small}/bundle; echo $?; ls -A {small}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=locked.home,
        env={**os.environ, "STAITHE_CACHE": str(locked.home / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "5\n", done.stderr
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_where_nothing_can_be_is_told(locked: Site) -> None:
    assert "E400" in locked.run("build", "--out", "bundle.toml/below", code=5).stderr


def test_the_file_is_as_good_as_its_folder(locked: Site) -> None:
    locked.run("build", "bundle.toml")
    assert (locked.home / "bundle/index.json").exists()


def test_a_serial_does_not_go_with_a_lock(locked: Site) -> None:
    assert "do not go with a lock" in locked.run("build", "--serial", "0", code=2).stderr


@pytest.mark.parametrize("offline", [False, True])
def test_what_was_changed_in_the_cache_is_not_believed(locked: Site, offline: bool) -> None:
    locked.run("build")
    before = files_of(locked.home / "bundle")
    for path in (locked.home / "cache/sha256").iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    if offline:
        assert "not in the cache" in locked.run("build", "--force", "--offline", code=5).stderr
    else:
        locked.run("build", "--force")
        assert files_of(locked.home / "bundle") == before


@pytest.mark.parametrize("command", ["lock", "build"])
@pytest.mark.parametrize("library", ["httpx", "zstandard", "tomli_w", "yaml", "cyclonedx"])
def test_a_library_that_is_not_installed_is_told(locked: Site, command: str, library: str) -> None:
    bar = locked.home / "bar"
    bar.mkdir()
    (bar / "sitecustomize.py").write_text(
        "import importlib.machinery\n"
        "find = importlib.machinery.PathFinder.find_spec\n"
        "def without(name, *more):\n"
        f"    return None if name.partition('.')[0] == {library!r} else find(name, *more)\n"
        "importlib.machinery.PathFinder.find_spec = without\n"
    )
    told = locked.run(command, env={"PYTHONPATH": str(bar)}, code=2).stderr
    assert f"no {library}" in told
    assert "pip install 'staithe[bundle]'" in told
