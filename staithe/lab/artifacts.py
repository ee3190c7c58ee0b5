"""Engine archives in Docker's layout, small images and a registry, from the distribution's own packages.

Under <cache>/artifacts/<digest>/, made once per machine. Versions are pinned by their upstream part; apt checks
the signatures. All engines get bookworm's runc: newer ones need a newer C library than the base has.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import images, lock, places
from staithe.lab.apt import Suite
from staithe.lab.command import run

_FORMAT = "2"


@dataclass(frozen=True)
class Package:
    """A package pinned to an upstream version."""

    suite: str
    name: str
    version: str


@dataclass(frozen=True)
class Engine:
    """An engine version and the packages that hold its binaries."""

    version: str
    packages: tuple[Package, ...]


_RUNC = Package("bookworm", "runc", "1.1.5")
_TINI = Package("bookworm", "tini", "0.19.0")
_BUSYBOX = Package("bookworm", "busybox-static", "1.35.0")
_REGISTRY = Package("bookworm", "docker-registry", "2.8.2")
# Programs of their own, which every engine's command line takes.
PLUGINS = {
    "docker-buildx": Package("sid", "docker-buildx", "0.29.1"),
    "docker-compose": Package("sid", "docker-compose", "2.40.3"),
}


def _engine(suite: str, version: str, containerd: str, *, own_cli: bool) -> Engine:
    names = ["docker.io", "docker-cli"] if own_cli else ["docker.io"]
    engine = [Package(suite, name, version) for name in names]
    return Engine(version, (*engine, Package(suite, "containerd", containerd), _RUNC, _TINI))


ENGINES = (
    _engine("bookworm", "20.10.24", "1.6.20", own_cli=False),
    _engine("trixie", "26.1.5", "1.7.24", own_cli=True),
    _engine("sid", "28.5.2", "2.1.9", own_cli=True),
)
# {version: whose programs it is}: one more patch release of a line of which the archives hold one only. The programs
# call themselves by it, and are the same otherwise.
RELABELLED = {"20.10.23": "20.10.24"}
# {name in docker/: name in the packages}
_BINARIES = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd-shim-runc-v2",
    "ctr": "ctr",
    "docker": "docker",
    "docker-init": "tini-static",
    "docker-proxy": "docker-proxy",
    "dockerd": "dockerd",
    "runc": "runc",
}
# The first two are loaded from archives; the last only the registry has, so that a pull of it proves a mirror.
LOADED_IMAGES = ("staithe/smoke:1", "busybox:1.35")
MIRRORED_IMAGE = "mirrored:1"


@dataclass(frozen=True)
class Artifacts:
    """Where the artifacts are: engines by version, image archives by reference, CLI plugins by name."""

    engines: dict[str, Path]
    images: dict[str, Path]
    registry: Path
    plugins: dict[str, Path]

    def paths(self) -> list[Path]:
        """Return all paths, engines first."""
        return [*self.engines.values(), *self.images.values(), self.registry, *self.plugins.values()]


def folder() -> Path:
    """Return where the artifacts of these pins are, or will be."""
    text = f"{_FORMAT} {ENGINES} {_BUSYBOX} {_REGISTRY} {_BINARIES} {LOADED_IMAGES} {MIRRORED_IMAGE}"
    text += f" {PLUGINS} {RELABELLED}"
    return places.cache_dir() / "artifacts" / hashlib.sha256(text.encode()).hexdigest()[:16]


def located() -> Artifacts:
    """Return the artifacts; LabError when they are not made yet."""
    home = folder()
    if not (home / "complete").exists():
        raise LabError("the artifacts are not made yet", where=str(home), hint="staithe lab artifacts")
    return Artifacts(
        {version: home / f"docker-{version}.tgz" for version in (*(one.version for one in ENGINES), *RELABELLED)},
        {name: home / "images" / _file_name(name) for name in (*LOADED_IMAGES, MIRRORED_IMAGE)},
        home / "docker-registry",
        {name: home / "plugins" / name for name in PLUGINS},
    )


def _file_name(reference: str) -> str:
    return reference.replace("/", "-").replace(":", "-") + ".tar"


def ensure(say: Callable[[str], None]) -> Artifacts:
    """Make the artifacts unless they are there, and return where they are."""
    with lock.held(places.cache_dir() / "artifacts.lock"):
        home = folder()
        if not (home / "complete").exists():
            work = places.cache_dir() / "tmp" / f"artifacts-{home.name}"
            shutil.rmtree(work, ignore_errors=True)
            (work / "images").mkdir(parents=True)
            _make(work, say)
            (work / "complete").touch()
            home.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(home, ignore_errors=True)
            work.rename(home)
    return located()


def _make(work: Path, say: Callable[[str], None]) -> None:
    debs = _download(say)
    say("making engine archives and images")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda engine: _engine_archives(engine, debs, work), ENGINES))
    (work / "plugins").mkdir()
    for name, package in PLUGINS.items():
        (work / "plugins" / name).write_bytes(_binary(debs[package], name))
        (work / "plugins" / name).chmod(0o755)
    (work / "docker-registry").write_bytes(_binary(debs[_REGISTRY], "docker-registry"))
    (work / "docker-registry").chmod(0o755)
    (work / "busybox").write_bytes(_binary(debs[_BUSYBOX], "busybox"))
    (work / "busybox").chmod(0o755)
    layer = images.root_layer(work / "busybox")
    architecture = run(["dpkg", "--print-architecture"]).strip()
    for reference in (*LOADED_IMAGES, MIRRORED_IMAGE):
        archive = images.archive(images.build(reference, layer, architecture))
        (work / "images" / _file_name(reference)).write_bytes(archive)


def _download(say: Callable[[str], None]) -> dict[Package, Path]:
    wanted = {package for engine in ENGINES for package in engine.packages}
    wanted |= {_BUSYBOX, _REGISTRY, *PLUGINS.values()}
    debs: dict[Package, Path] = {}
    for name in sorted({package.suite for package in wanted}):
        of_suite = sorted((p for p in wanted if p.suite == name), key=lambda p: p.name)
        say(f"packages of {name}: {', '.join(f'{p.name} {p.version}' for p in of_suite)}")
        suite = Suite.open(name)
        debs |= {package: suite.fetch(package.name, package.version) for package in of_suite}
    return debs


def _binary(deb: Path, name: str) -> bytes:
    """Return a program of a package, without unpacking the rest to disk."""
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    with process, tarfile.open(fileobj=process.stdout, mode="r|") as tar:
        for member in tar:
            path = Path(member.name)
            if member.isfile() and path.name == name and path.parent.name in ("bin", "sbin", "cli-plugins"):
                content = tar.extractfile(member)
                if content is not None:
                    data = content.read()
                    process.kill()
                    return data
    raise LabError(f"{name} is not in {deb.name}", hint="staithe lab prune --all --purge, then staithe lab artifacts")


def _find_binary(name: str, engine: Engine, debs: dict[Package, Path]) -> bytes:
    holder = {"tini-static": "tini", "runc": "runc", "ctr": "containerd", "docker": "docker-cli"}.get(name, "")
    if name.startswith("containerd"):
        holder = "containerd"
    names = {package.name: package for package in engine.packages}
    return _binary(debs[names.get(holder, names["docker.io"])], name)


def _engine_archives(engine: Engine, debs: dict[Package, Path], work: Path) -> None:
    programs = {target: _find_binary(name, engine, debs) for target, name in _BINARIES.items()}
    write_engine_archive(work / f"docker-{engine.version}.tgz", programs)
    for version, original in RELABELLED.items():
        if original == engine.version:
            write_engine_archive(work / f"docker-{version}.tgz", relabelled(programs, original, version))


def relabelled(programs: Mapping[str, bytes], version: str, label: str) -> dict[str, bytes]:
    """Return the programs of an engine that calls itself `label`, which is as long as the text that it takes over."""
    if len(version) != len(label):
        raise ValueError(f"{label!r} does not fit in the place of {version!r}")
    own = {name: programs[name].replace(version.encode(), label.encode()) for name in ("docker", "dockerd")}
    return {**programs, **own}


def read_engine_archive(archive: Path) -> dict[str, bytes]:
    """Return the programs of an engine archive by name."""
    programs = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                programs[Path(member.name).name] = content.read()
    return programs


def write_engine_archive(path: Path, programs: Mapping[str, bytes]) -> None:
    """Write docker-<version>.tgz with the layout of the official static archives; same input, same bytes."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        top = tarfile.TarInfo("docker")
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(top)
        for name, content in programs.items():
            info = tarfile.TarInfo(f"docker/{name}")
            info.mode, info.size = 0o755, len(content)
            tar.addfile(info, io.BytesIO(content))
