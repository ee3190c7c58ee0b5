"""Bundles with packages that somebody changed and put together again, digests and all: each refused in its words.

Who answers for a bundle is the signatures' matter; here nobody signs, and the bundle contradicts itself.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from staithe.lab import rpms
from tests.archives import image_archive
from tests.rpm_site import HAS_TOOLS, Site

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")

NAME = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"
PACKAGES = "packages:el9-x86_64"


class Forger:
    """Takes a bundle apart, and writes it again with digests that fit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.index = json.loads((folder / "index.json").read_bytes())
        self.manifests = {one["annotations"][NAME]: self.load(one) for one in self.index["manifests"]}
        self.configs = {name: self.load(one["config"]) for name, one in self.manifests.items()}

    def blob(self, digest: str) -> Path:
        return self._folder / "blobs/sha256" / digest.removeprefix("sha256:")

    def load(self, descriptor: dict[str, Any]) -> Any:
        return json.loads(self.blob(descriptor["digest"]).read_bytes())

    def store(self, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        self.blob(digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    def layer(self, manifest: str, title: str) -> dict[str, Any]:
        return next(one for one in self.manifests[manifest]["layers"] if one["annotations"][TITLE] == title)

    def read(self, manifest: str, title: str) -> bytes:
        return self.blob(self.layer(manifest, title)["digest"]).read_bytes()

    def replace(self, manifest: str, title: str, content: bytes) -> tuple[str, str]:
        """Give a layer another content; return the former digest and the new one."""
        layer = self.layer(manifest, title)
        former = layer["digest"]
        layer.update(self.store(content))
        config = json.dumps(self.configs[manifest]).replace(former, layer["digest"])
        self.configs[manifest] = json.loads(config)
        return former.removeprefix("sha256:"), layer["digest"].removeprefix("sha256:")

    def write(self) -> None:
        named = set()
        for entry in self.index["manifests"]:
            manifest = self.manifests[entry["annotations"][NAME]]
            manifest["config"].update(self.store(json.dumps(self.configs[entry["annotations"][NAME]]).encode()))
            entry.update(self.store(json.dumps(manifest).encode()))
            named |= {entry["digest"], manifest["config"]["digest"], *(one["digest"] for one in manifest["layers"])}
        (self._folder / "index.json").write_text(json.dumps(self.index))
        for path in (self._folder / "blobs/sha256").iterdir():
            if f"sha256:{path.name}" not in named:
                path.unlink()


@pytest.fixture(scope="module")
def built(made: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = made.copy(tmp_path_factory.mktemp("built") / "site")
    archive, _ = image_archive(site.home)
    site.describe(f'[engine]\nversion = "28"\n[[image]]\narchive = "{archive.name}"\n')
    site.run("lock")
    site.run("build")
    return site


@pytest.fixture
def bundled(built: Site, tmp_path: Path) -> Site:
    return built.copy(tmp_path / "site")


RPM = "containerd.io-2.1.9-3.1.el9.noarch.rpm"


def resigned(site: Site, forger: Forger, how: str) -> bytes:
    """Return a package with another signature, or with none."""
    path = site.home / "forged.rpm"
    path.write_bytes(forger.read(PACKAGES, RPM))
    if how == "other":
        rpms.sign(site.home / "gnupg", "other", [path])
    else:
        subprocess.run(["rpmsign", "--delsign", path], check=True, capture_output=True)
    return path.read_bytes()


def swap(site: Site, forger: Forger, content: bytes) -> None:
    """Put other bytes in a package's place, and make lock and bill of materials fit."""
    size = len(forger.read(PACKAGES, RPM))
    old, new = forger.replace(PACKAGES, RPM, content)
    lock = forger.read("bundle.lock", "bundle.lock").decode()
    entry = f'size = {size}\nsha256 = "{old}"'
    assert entry in lock
    forger.replace(
        "bundle.lock", "bundle.lock", lock.replace(entry, f'size = {len(content)}\nsha256 = "{new}"').encode()
    )
    bill = forger.read("sbom.cdx.json", "sbom.cdx.json").decode()
    forger.replace("sbom.cdx.json", "sbom.cdx.json", bill.replace(old, new).encode())


def by_another_key(site: Site, forger: Forger) -> None:
    swap(site, forger, resigned(site, forger, "other"))


def unsigned(site: Site, forger: Forger) -> None:
    swap(site, forger, resigned(site, forger, "none"))


def renamed(site: Site, forger: Forger) -> None:
    swap(site, forger, next(site.home.glob("base/tar*.rpm")).read_bytes())


def lock_edited(site: Site, forger: Forger) -> None:
    lock = forger.read("bundle.lock", "bundle.lock").decode()
    forger.replace("bundle.lock", "bundle.lock", lock.replace("containerd.io-2.1.9", "containerd.io-2.9.9").encode())


def lock_of_another_serial(site: Site, forger: Forger) -> None:
    forger.index["annotations"]["dev.staithe.lock.serial"] = "9"


def lock_that_is_none(site: Site, forger: Forger) -> None:
    forger.replace("bundle.lock", "bundle.lock", b"[[[")


def lock_removed(site: Site, forger: Forger) -> None:
    forger.index["manifests"] = [
        one for one in forger.index["manifests"] if one["annotations"][NAME] != "bundle.lock"
    ]


def package_added(site: Site, forger: Forger) -> None:
    path = next(site.home.glob("base/tar*.rpm"))
    layer = {**forger.store(path.read_bytes()), "mediaType": "application/x-rpm", "annotations": {TITLE: path.name}}
    forger.manifests[PACKAGES]["layers"].append(layer)
    entry = {
        "nevra": "tar-2:1.34-7.el9.noarch",
        "file": path.name,
        "digest": layer["digest"],
        "key": site.fingerprint,
    }
    forger.configs[PACKAGES]["packages"].append(entry)


def package_removed(site: Site, forger: Forger) -> None:
    digest = forger.layer(PACKAGES, RPM)["digest"]
    forger.manifests[PACKAGES]["layers"].remove(forger.layer(PACKAGES, RPM))
    config = forger.configs[PACKAGES]
    config["packages"] = [one for one in config["packages"] if one["digest"] != digest]


def package_named_otherwise(site: Site, forger: Forger) -> None:
    for one in forger.configs[PACKAGES]["packages"]:
        one["nevra"] = one["nevra"].replace("containerd.io-2.1.9", "containerd.io-2.9.9")


def path_in_a_name(site: Site, forger: Forger) -> None:
    forger.configs[PACKAGES]["packages"][0]["file"] = "../../etc/cron.d/x.rpm"


def metadata_changed(site: Site, forger: Forger) -> None:
    text = forger.read(PACKAGES, "repodata/primary.xml")
    forger.replace(PACKAGES, "repodata/primary.xml", text.replace(b"2.1.9", b"2.9.9"))


def bill_without_one(site: Site, forger: Forger) -> None:
    bill = json.loads(forger.read("sbom.cdx.json", "sbom.cdx.json"))
    bill["components"].pop()
    forger.replace("sbom.cdx.json", "sbom.cdx.json", json.dumps(bill).encode())


def bill_that_is_none(site: Site, forger: Forger) -> None:
    forger.replace("sbom.cdx.json", "sbom.cdx.json", b'{"components": 5}')


def image_of_another(site: Site, forger: Forger) -> None:
    name = next(name for name in forger.manifests if name.startswith("docker.io/"))
    forger.configs[name]["config"] = {"Env": ["LD_PRELOAD=/tmp/x"]}


def other_keys(site: Site, forger: Forger) -> None:
    (name,) = forger.configs[PACKAGES]["keys"]
    forger.replace(PACKAGES, name, (site.home / "RPM-GPG-KEY-other").read_bytes())


@pytest.mark.parametrize(
    "forge, told",
    [
        (by_another_key, "the package's signature is not by a pinned key"),
        (unsigned, "the package is not signed"),
        (renamed, "this is another package"),
        (lock_edited, "the package goes under another name than in the lock"),
        (lock_of_another_serial, "serial is not that of its lock"),
        (lock_that_is_none, "the bundle's lock is none"),
        (lock_removed, "holds packages but no lock"),
        (package_added, "the packages are not those of the lock (found tar-"),
        (package_removed, "the packages are not those of the lock (found containerd.io-"),
        (package_named_otherwise, "goes under another name"),
        (path_in_a_name, "packages.0.file"),
        (metadata_changed, "metadata do not belong together: repodata/primary.xml"),
        (bill_without_one, "bill of materials does not name"),
        (bill_that_is_none, "bill of materials is none"),
        (image_of_another, "images are not those of its lock"),
        (other_keys, "the key is not the one that is pinned"),
    ],
)
def test_each_forgery_is_refused_in_its_words(
    bundled: Site, forge: Callable[[Site, Forger], None], told: str
) -> None:
    bundled.run("show", "bundle", "--verify")
    forger = Forger(bundled.home / "bundle")
    forge(bundled, forger)
    forger.write()
    done = bundled.run("show", "bundle", "--verify", code=5)
    assert told in done.stderr


def test_putting_together_again_alone_is_no_forgery(bundled: Site) -> None:
    Forger(bundled.home / "bundle").write()
    assert "every blob is what its name says" in bundled.run("show", "bundle", "--verify").stdout


def test_a_tar_is_checked_the_same(bundled: Site) -> None:
    bundled.run("export", "bundle", "--out", "bundle.tar")
    bundled.run("show", "bundle.tar", "--verify")
    forger = Forger(bundled.home / "bundle")
    by_another_key(bundled, forger)
    forger.write()
    bundled.run("export", "bundle", "--out", "forged.tar")
    assert "not by a pinned key" in bundled.run("show", "forged.tar", "--verify", code=5).stderr
