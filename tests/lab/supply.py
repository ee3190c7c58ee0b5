"""What engines come from: repositories served on the lab's bridge, and bundles of packages and of archives."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staithe.lab import artifacts, rpms
from tests.lab.conftest import SMOKE_IMAGE, Host, Site, Staithe
from tests.lab.package_server import PackageServer, package_server, publish

SOURCES = ("repository", "rpm-bundle", "static-bundle")
# {engine: containerd.io}, as they were published together.
CONTAINERD = {"20.10.23": "1.6.20", "20.10.24": "1.6.20", "26.1.5": "1.7.24", "28.5.2": "2.1.9"}
_PATH = "el$releasever/$basearch"
# What an EL host has from its installation on.
_EL_REPOSITORY = """[el]
name=what EL brings
baseurl={url}/el{major}/x86_64/base
gpgcheck=1
gpgkey={url}/RPM-GPG-KEY-lab
"""


def fingerprint(key: Path) -> str:
    """Ask gpg for the fingerprint of a public key."""
    listed = subprocess.check_output(
        ["gpg", "--show-keys", "--with-colons", key], text=True, stderr=subprocess.DEVNULL
    )
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


@dataclass(frozen=True)
class Supply:
    """A server with repositories, and a folder with signed bundles."""

    server: PackageServer
    made: rpms.Repositories
    folder: Path
    staithe: Staithe
    signing_key: str

    def engine(self, source: str, version: str | None, **more: Any) -> dict[str, Any]:
        """Return the section `engine` of a configuration."""
        section: dict[str, Any] = {"source": source, "version": version, **more}
        if source == "repository":
            pins = {} if version is None else {"containerd.io": CONTAINERD[version]}
            section["repository"] = {**self.repository(), "pins": pins, **more.get("repository", {})}
            section["bundle"] = str(self.bundle("images"))
        elif source == "rpm-bundle":
            assert version is not None
            section["bundle"] = str(self.bundle(version))
        else:
            section["bundle"] = str(self.bundle("static"))
        return section

    def repository(self, name: str = "docker-ce") -> dict[str, Any]:
        """Return where the repository is and what signs it."""
        key = self.made.key()
        return {"url": f"{self.server.url}/{_PATH}/{name}", "key": str(key), "fingerprints": [fingerprint(key)]}

    def bundle(self, name: str) -> Path:
        """Return a signed bundle: of packages by their version, `static` with all archives, `images` of any kind."""
        name = "static" if name == "images" else name
        out = self.folder / f"bundle-{name}"
        if not out.exists():
            if name == "static":
                self._build_static(out)
            else:
                self._build_packages(out, name)
            self.staithe("bundle", "sign", str(out), "--key", self.signing_key)
        return out

    def _build_static(self, out: Path) -> None:
        made = artifacts.located()
        engines = [word for version in CONTAINERD for word in ("--engine", str(made.engines[version]))]
        image = str(made.images[SMOKE_IMAGE])
        self.staithe("bundle", "build", *engines, "--image", image, "--out", str(out))

    def _build_packages(self, out: Path, version: str) -> None:
        home = self.folder / f"supply-{version}"
        home.mkdir()
        text = (
            f'schema_version = 1\nname = "engine-{version}"\n[engine]\nversion = "{version}"\nsources = ["rpm"]\n'
            'plugins = ["compose", "buildx"]\n'
            f'[[image]]\narchive = "{artifacts.located().images[SMOKE_IMAGE]}"\n'
        )
        urls = {
            "docker-ce": f"{self.server.url}/{self._published_together(version)}",
            "base": f"{self.server.url}/{_PATH}/base",
        }
        for name, url in urls.items():
            text += f'[[repository]]\nid = "{name}"\nurl = "{url}"\nkeys = ["{self.made.key()}"]\n'
            text += f'fingerprints = ["{fingerprint(self.made.key())}"]\n'
        (home / "bundle.toml").write_text(text)
        cache = {"STAITHE_CACHE": str(self.folder / "cache")}
        self.staithe("bundle", "lock", str(home), env=cache)
        self.staithe("bundle", "build", str(home), "--out", str(out), env=cache)

    def _published_together(self, version: str) -> str:
        """Make a repository without other versions of containerd.io: a bundle takes the newest one there is."""
        name = f"with-{version}"
        folder = self.server.root / name
        folder.mkdir()
        others = {f"containerd.io-{one}-" for one in CONTAINERD.values() if one != CONTAINERD[version]}
        for package in self.made.folder(9, "docker-ce").glob("*.rpm"):
            if not any(package.name.startswith(other) for other in others):
                (folder / package.name).symlink_to(package)
        rpms.write_metadata(folder)
        return name

    def give_el(self, host: Host, major: int = 9) -> None:
        """Let a host reach the packages of its distribution, as it would anywhere."""
        host.sh(f"cat > /etc/yum.repos.d/el.repo <<'REPO'\n{self.el_repository(major)}REPO")

    def el_repository(self, major: int = 9) -> str:
        """Return the repository file of the distribution itself."""
        return _EL_REPOSITORY.format(url=self.server.url, major=major)

    def give_signed_metadata(self, host: Host) -> None:
        """Give a host one more repository, whose metadata are signed by a key that it does not know yet."""
        folder = self.server.root / "signed-metadata"
        folder.mkdir(exist_ok=True)
        rpms.write_metadata(folder)
        command = ["gpg", "--homedir", str(self.made.gnupg), "--batch", "--yes", "--armor", "--detach-sign"]
        signed = str(folder / "repodata" / "repomd.xml")
        subprocess.run([*command, "--local-user", "other@lab.invalid", signed], check=True)
        text = f"[signed]\nname=signed\nbaseurl={self.server.url}/{folder.name}\ngpgcheck=1\nrepo_gpgcheck=1\n"
        key = f"gpgkey={self.server.url}/{self.made.key('other').name}\n"
        host.sh(f"cat > /etc/yum.repos.d/signed.repo <<'REPO'\n{text}{key}REPO")

    def configure(self, site: Site, source: str, version: str | None = "28.5.2", **sections: Any) -> None:
        """Describe an engine; `engine` among the sections adds keys to that section."""
        engine = self.engine(source, version, **sections.pop("engine", {}))
        site.configure(**{"engine": engine, "smoke": {}, "daemon": {}, **sections})


@contextmanager
def supplied(staithe: Staithe, lab: dict[str, Any]) -> Iterator[Supply]:
    """Serve the lab's repositories for the time of the block."""
    made = rpms.ensure(print)
    root = staithe.folder / "served"
    repositories = {f"el{major}": made.home / f"el{major}" for major in rpms.ENGINES}
    publish(root, repositories, [made.key(), made.key("other")])
    with package_server(lab["address"], root) as server:
        yield Supply(server, made, staithe.folder, staithe, lab["signing_key"])
