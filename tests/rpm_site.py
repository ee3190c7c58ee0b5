"""A site with package repositories of small real RPMs, made with rpmbuild and signed with rpmsign."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staithe.lab import rpms
from staithe.lab.rpm_specs import Stub, stubs_spec

ROOT = Path(__file__).parents[1]
CLI = str(Path(sys.executable).with_name("staithe"))
# Never skipped in CI: there the tools must be installed.
HAS_TOOLS = bool(os.environ.get("CI")) or all(shutil.which(tool) for tool in rpms.TOOLS)

BASE = (
    Stub("bash", "5.1.8-9", provides="/bin/sh"),
    Stub("libseccomp", "2.5.2-2"),
    Stub("container-selinux", "2.232.1-1", epoch=4),
    Stub("tar", "1.34-7", epoch=2),
)


def engine(version: str) -> tuple[Stub, ...]:
    """Return the engine's packages of a version, with nothing in them."""
    return (
        Stub(
            "docker-ce", f"{version}-1", "docker-ce-cli, containerd.io >= 1.4, container-selinux >= 2:2.74", epoch=3
        ),
        Stub("docker-ce-cli", f"{version}-1", "/bin/sh", epoch=1),
    )


# What of them is locked for the engine, where hosts have nothing: tar is needed by nothing.
LOCKED = [
    "bash-5.1.8-9.el9.noarch",
    "container-selinux-4:2.232.1-1.el9.noarch",
    "containerd.io-2.1.9-3.1.el9.noarch",
    "docker-ce-3:28.5.1-1.el9.noarch",
    "docker-ce-cli-1:28.5.1-1.el9.noarch",
    "libseccomp-2.5.2-2.el9.noarch",
]
CONTAINERD = Stub("containerd.io", "2.1.9-3.1", "libseccomp")


def fingerprint_of(gnupg: Path, name: str = "lab") -> str:
    """Ask gpg for the fingerprint of a key of the lab."""
    listed = subprocess.check_output(
        ["gpg", "--homedir", gnupg, "--with-colons", "--fingerprint", f"{name}@lab.invalid"], text=True
    )
    subprocess.run(["gpgconf", "--homedir", gnupg, "--kill", "all"], check=True)
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


@dataclass
class Site:
    """A folder with keys, repositories and bundle.toml, and the command line at work in it."""

    home: Path
    fingerprint: str

    @classmethod
    def make(cls, home: Path) -> Site:
        """Make the keys, and the repositories `docker` and `base` for EL 9."""
        rpms.make_keys(home)
        site = cls(home, fingerprint_of(home / "gnupg"))
        site.add("base", BASE)
        site.add("docker", (*engine("28.5.1"), CONTAINERD))
        return site

    def copy(self, home: Path) -> Site:
        """Return another site with the same repositories."""
        shutil.copytree(
            self.home, home, dirs_exist_ok=True, ignore=lambda _, names: [n for n in names if n[:2] == "S."]
        )
        (home / "gnupg").chmod(0o700)
        return Site(home, self.fingerprint)

    def add(self, repository: str, stubs: Sequence[Stub], *, key: str | None = "lab", major: int = 9) -> list[Path]:
        """Build, sign and publish packages in a repository."""
        folder = self.home / repository
        before = set(folder.glob("*.rpm"))
        rpms.rpmbuild(stubs_spec(stubs), folder, self.home / "build", major=major)
        added = sorted(set(folder.glob("*.rpm")) - before)
        if key is not None:
            rpms.sign(self.home / "gnupg", key, added)
        rpms.write_metadata(folder)
        return added

    def describe(self, text: str = "", **repositories: str) -> None:
        """Write bundle.toml: `text`, then the repositories {id: url}."""
        parts = [
            'schema_version = 1\nname = "site-a"\n',
            text or '[engine]\nversion = "28"\n',
            *(
                f'[[repository]]\nid = "{name}"\nurl = "{url}"\nkeys = ["RPM-GPG-KEY-lab"]\n'
                f'fingerprints = ["{self.fingerprint}"]\n'
                for name, url in (repositories or {"docker": "docker", "base": "base"}).items()
            ),
        ]
        (self.home / "bundle.toml").write_text("".join(parts))

    def run(
        self, *words: str | Path, code: int = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `staithe bundle ...` here as a user would, with a cache of its own."""
        done = subprocess.run(
            [CLI, "bundle", *map(str, words)],
            cwd=self.home,
            env={**os.environ, "STAITHE_CACHE": str(self.home / "cache"), "COLUMNS": "200", **(env or {})},
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    @property
    def lock(self) -> Path:
        return self.home / "bundle.lock"

    @property
    def locked(self) -> dict[str, Any]:
        """What bundle.lock says."""
        return tomllib.loads(self.lock.read_text())

    @property
    def packages(self) -> dict[str, dict[str, Any]]:
        """The packages of bundle.lock by their NEVRAs."""
        return {one["nevra"]: one for one in self.locked["package"]}


def sha256(path: Path) -> str:
    """Return a file's digest."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_of(folder: Path) -> dict[str, str]:
    """Return the digest of each file below a folder."""
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
