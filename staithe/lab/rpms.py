"""Package repositories with real engines in RPMs, signed with a key of the lab; made once per machine.

<cache>/rpms/<digest>/elN/ARCH/NAME/ with repodata, and the public keys beside: `lab` signs the packages, `other`
is for what tests sign otherwise. NAME is docker-ce, base (stand-ins for EL's own packages) or, for EL 9,
distribution (an engine, containerd and runc as a distribution packs them itself, and stand-ins for podman).
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from staithe.lab import artifacts, engine_specs, lock, places, rpm_specs
from staithe.lab.command import run
from staithe.lab.engine_units import UNITS

_FORMAT = "2"
# {tool: Debian package}
TOOLS = {"rpmbuild": "rpm", "rpmsign": "rpm", "gpg": "gnupg"}
# {major release of EL: engines}
ENGINES = {8: ("28.5.2",), 9: ("20.10.23", "20.10.24", "26.1.5", "28.5.2"), 10: ("28.5.2",)}
# {engine: containerd}; a relabelled engine has that of the engine that it is.
_CONTAINERD = {"20.10.24": "1.6.20", "26.1.5": "1.7.24", "28.5.2": "2.1.9"}
# The engine that the distribution has, and for which major.
_OF_DISTRIBUTION = {9: "26.1.5"}
_RUNC = "1.1.5"
# The same time in each package, so that the same repositories come out each time.
_EPOCH = "1750000000"


@dataclass(frozen=True)
class Repositories:
    """Where the repositories are."""

    home: Path

    def folder(self, major: int, name: str) -> Path:
        """Return the folder of a repository: `docker-ce`, `base` or `distribution`."""
        return _repository(self.home, major, name)

    def key(self, name: str = "lab") -> Path:
        """Return the public key `lab` or `other`."""
        return self.home / f"RPM-GPG-KEY-{name}"

    def paths(self) -> list[Path]:
        """Return all repositories, then the keys."""
        return [*sorted(self.home.glob("el*/*/*")), self.key("lab"), self.key("other")]

    @property
    def gnupg(self) -> Path:
        """The folder with the secret keys."""
        return self.home / "gnupg"


def folder() -> Path:
    """Return where the repositories of these pins are, or will be."""
    text = f"{_FORMAT} {ENGINES} {_CONTAINERD} {_OF_DISTRIBUTION} {_RUNC} {UNITS} {artifacts.folder()}"
    text += f"{rpm_specs.EL_STUBS} {rpm_specs.DISTRIBUTION_STUBS} {engine_specs.ENGINE_SPEC}"
    text += f"{engine_specs.CONTAINERD_SPEC} {engine_specs.PLUGIN_SPEC} {engine_specs.DISTRIBUTION_SPEC}"
    return places.cache_dir() / "rpms" / hashlib.sha256(text.encode()).hexdigest()[:16]


def ensure(say: Callable[[str], None]) -> Repositories:
    """Make the repositories unless they are there, and return where they are."""
    engines = artifacts.ensure(say)
    with lock.held(places.cache_dir() / "rpms.lock"):
        home = folder()
        if not (home / "complete").exists():
            work = places.cache_dir() / "tmp" / f"rpms-{home.name}"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            _make(work, engines, say)
            (work / "complete").touch()
            home.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(home, ignore_errors=True)
            work.rename(home)
    return Repositories(home)


def _make(work: Path, engines: artifacts.Artifacts, say: Callable[[str], None]) -> None:
    build = work / "build"
    write_units(build / "units")
    say("making keys")
    make_keys(work)
    for version, archive in engines.engines.items():
        with tarfile.open(archive) as tar:
            tar.extractall(build / version, filter="data")
    say("building RPMs")
    jobs = list(_jobs(build, engines))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda numbered: numbered[1].run(work, numbered[0]), enumerate(jobs)))
    say("signing RPMs and writing metadata")
    sign(work / "gnupg", "lab", sorted(work.glob("el*/*/*/*.rpm")))
    repositories = sorted(work.glob("el*/*/*"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write_metadata, repositories))
    shutil.rmtree(build)


@dataclass(frozen=True)
class _Job:
    """One call of rpmbuild."""

    spec: str
    major: int
    repository: str
    defines: dict[str, str]

    def run(self, work: Path, number: int) -> None:
        target = _repository(work, self.major, self.repository)
        rpmbuild(self.spec, target, work / "build" / f"job-{number}", major=self.major, defines=self.defines)


def _jobs(build: Path, engines: artifacts.Artifacts) -> Iterator[_Job]:
    units = {"units": str(build / "units")}
    plugins = {"programs": str(next(iter(engines.plugins.values())).parent)}
    for major, versions in ENGINES.items():
        for version in versions:
            programs = {**units, "programs": str(build / version / "docker")}
            yield _Job(engine_specs.ENGINE_SPEC, major, "docker-ce", {**programs, "engine": version})
            if version in _CONTAINERD:
                defines = {**programs, "containerd": _CONTAINERD[version]}
                yield _Job(engine_specs.CONTAINERD_SPEC, major, "docker-ce", defines)
            if version == _OF_DISTRIBUTION.get(major):
                defines = {**programs, "engine": version, "containerd": _CONTAINERD[version], "runc": _RUNC}
                yield _Job(engine_specs.DISTRIBUTION_SPEC, major, "distribution", defines)
                yield _Job(rpm_specs.stubs_spec(rpm_specs.DISTRIBUTION_STUBS), major, "distribution", {})
        for name, package in artifacts.PLUGINS.items():
            defines = {**plugins, "plugin": name, "plugin_version": package.version}
            yield _Job(engine_specs.PLUGIN_SPEC, major, "docker-ce", defines)
        yield _Job(rpm_specs.stubs_spec(rpm_specs.EL_STUBS), major, "base", {})


def write_units(folder: Path) -> None:
    """Write the units and the configuration of Docker's packages into a new folder."""
    folder.mkdir(parents=True)
    for name, text in UNITS.items():
        (folder / name).write_text(text)


def _repository(home: Path, major: int, name: str) -> Path:
    return home / f"el{major}" / platform.machine() / name


def rpmbuild(spec: str, target: Path, top: Path, *, major: int, defines: Mapping[str, str] | None = None) -> None:
    """Build a spec's packages into the folder `target`; `top` is a folder to work in, which vanishes."""
    top.mkdir(parents=True)
    (top / "this.spec").write_text(spec)
    macros = {
        "_topdir": str(top),
        "dist": f".el{major}",
        "rhel": str(major),
        # Fast counts here.
        "_binary_payload": "w1.zstdio",
        **(defines or {}),
    }
    words = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    run(
        ["rpmbuild", "-bb", "--quiet", *words, top / "this.spec"],
        env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH, "LC_ALL": "C.UTF-8"},
    )
    target.mkdir(parents=True, exist_ok=True)
    for package in sorted((top / "RPMS").rglob("*.rpm")):
        package.rename(target / package.name)
    shutil.rmtree(top)


def make_keys(work: Path) -> None:
    """Make the keys `lab` and `other` in work/gnupg, their public halves beside it."""
    home = work / "gnupg"
    home.mkdir(mode=0o700)
    for name in ("lab", "other"):
        address = f"{name}@lab.invalid"
        _gpg(home, "--passphrase", "", "--quick-gen-key", address, "rsa3072", "sign", "never")
        (work / f"RPM-GPG-KEY-{name}").write_text(_gpg(home, "--armor", "--export", address))


def _gpg(home: Path, *words: str) -> str:
    try:
        return run(["gpg", "--homedir", home, "--batch", "--quiet", *words])
    finally:
        # The agent would stay, and hold the folder.
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)


def sign(gnupg: Path, key: str, packages: list[Path]) -> None:
    """Sign packages in place with the key `lab` or `other`; a signature that is there is replaced."""
    defines = {
        "_gpg_name": f"{key}@lab.invalid",
        "_gpg_path": str(gnupg),
        "__gpg": shutil.which("gpg") or "gpg",
        "_gpg_digest_algo": "sha256",
    }
    words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    try:
        run(["rpmsign", *words, "--addsign", *packages], env={**os.environ, "GNUPGHOME": str(gnupg)})
    finally:
        subprocess.run(["gpgconf", "--homedir", str(gnupg), "--kill", "all"], check=False, capture_output=True)


def write_metadata(repository: Path) -> None:
    """Write repodata/ for the packages of a folder."""
    import createrepo_c

    with createrepo_c.RepositoryWriter(str(repository)) as writer:
        packages = sorted(repository.glob("*.rpm"))
        writer.set_num_of_pkgs(len(packages))
        for package in packages:
            writer.add_pkg_from_file(str(package))
