"""The engine that a host is to have, as a static archive or as packages: where its programs and units are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from staithe.bundle.contents import EngineArtifact, PackageSet
from staithe.config import Config
from staithe.config.repository import Repository
from staithe.errors import BundleError
from staithe.host_layout import BIN_DIR, ENGINE_ROOT
from staithe.probe.state import HostState
from staithe.rpm.nevra import Nevra
from staithe.sourcing import presets
from staithe.support_matrix import version_tuple

# Docker's packages (docker-ce-packaging), in the order in which plans show them.
PACKAGES = (
    "docker-ce",
    "docker-ce-cli",
    "containerd.io",
    "docker-buildx-plugin",
    "docker-compose-plugin",
    "docker-ce-rootless-extras",
)
# docs.docker.com, engine/install/centos and fedora: what to uninstall first; and what distributions call their own
# builds: Microsoft's moby, and Fedora's, whose client is docker-cli.
OLD_PACKAGES = (
    "docker",
    "docker-client",
    "docker-client-latest",
    "docker-common",
    "docker-latest",
    "docker-latest-logrotate",
    "docker-logrotate",
    "docker-selinux",
    "docker-engine",
    "docker-engine-selinux",
    "moby-engine",
    "moby-cli",
    "moby-containerd",
    "moby-runc",
    "docker-cli",
)

# docker-ce 28, its client, containerd.io and two plugins, as they are downloaded.
_PACKAGES_BYTES = 130 << 20


@dataclass(frozen=True)
class StaticEngine:
    """Programs out of a static archive, in a versioned directory of staithe's, with staithe's own units."""

    artifact: EngineArtifact
    source: Literal["static-bundle"] = "static-bundle"

    @property
    def version(self) -> str:
        return self.artifact.version

    @property
    def directory(self) -> str:
        return f"{ENGINE_ROOT}/{self.artifact.directory}"

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs of the archive; each gets a link in /usr/bin."""
        return tuple(self.artifact.programs)

    def program(self, name: str) -> str:
        """Return the path that a running program has."""
        return f"{self.directory}/{name}"


@dataclass(frozen=True)
class PackagedEngine:
    """Packages, with their own units."""

    source: Literal["rpm-bundle", "repository"]
    # None: what is installed, else the newest.
    version: str | None
    # Name of a package -> its version, or all of its NEVRA; None: any.
    wanted: Mapping[str, str | None]
    # With the source rpm-bundle: what is installed from.
    package_set: PackageSet | None = None
    # With the source repository: addresses to try, the first that answers is it.
    urls: tuple[str, ...] = ()

    def program(self, name: str) -> str:
        """Return the path that a running program has."""
        return f"{BIN_DIR}/{name}"

    def brings(self, name: str) -> bool:
        """Tell whether the packages have this program in /usr/bin."""
        # docker-ce.spec: from 28 on docker-init is in /usr/libexec/docker.
        return name != "docker-init" or (self.version is not None and version_tuple(self.version) < (28,))

    def is_installed(self, name: str, state: HostState) -> bool:
        """Tell whether a package is there as it is wanted."""
        found, wish = state.packages.get(name), self.wanted[name]
        if found is None or wish is None:
            return found is not None
        nevra = Nevra.parse(found)
        return wish in (nevra.version, str(nevra))

    def installed(self, state: HostState) -> dict[str, str]:
        """Return what is there of the engine's packages when all is done: NEVRAs, or what is known of them."""
        return {
            name: str(Nevra.parse(state.packages[name])) if self.is_installed(name, state) else f"{name} {wish or ''}"
            for name, wish in self.wanted.items()
        }

    def specs(self, state: HostState) -> tuple[str, ...]:
        """Say what dnf is to install, never a package outside the engine's own.

        One that is there and has no version to be brought to is not named: dnf would bring it to the newest.
        """
        named = [name for name, wish in self.wanted.items() if wish is not None or name not in state.packages]
        return tuple(_spec(name, self.wanted[name]) for name in named)


Engine = StaticEngine | PackagedEngine


def _spec(name: str, wish: str | None) -> str:
    if wish is None:
        return name
    return wish if wish.startswith(f"{name}-") else f"{name}-{wish}"


def packaged_engine(config: Config, state: HostState, set_: PackageSet | None) -> PackagedEngine:
    """Return the packages that this host is to have: out of `set_`, else from the repository."""
    if set_ is not None:
        exact = {nevra.name: str(nevra) for nevra in (Nevra.parse(one.nevra) for one in set_.packages)}
        wanted: dict[str, str | None] = {name: exact[name] for name in PACKAGES if name in exact}
        return PackagedEngine("rpm-bundle", set_.engine, wanted, set_)
    version, repository = config.engine.version, config.engine.repository
    wanted = {"docker-ce": version, "docker-ce-cli": version, "containerd.io": None}
    wanted |= {f"docker-{name}-plugin": None for name in repository.plugins}
    if _needs_rootless_extras(version, state):
        wanted["docker-ce-rootless-extras"] = version
    wanted |= {str(name): pin for name, pin in repository.pins.items()}
    return PackagedEngine("repository", version, wanted, urls=repository_urls(repository, state))


def _needs_rootless_extras(version: str | None, state: HostState) -> bool:
    # docker-ce.spec: a hard requirement from 20.10 up to 22, on EL 7 always; another version than the engine's is
    # no good, and dnf would take the newest.
    if version is None:
        return False
    number = version_tuple(version)
    is_required = number >= (20, 10) and (number < (23,) or state.os.major == 7)
    return is_required or "docker-ce-rootless-extras" in state.packages


def repository_urls(repository: Repository, state: HostState) -> tuple[str, ...]:
    """Return the addresses of the repository for this host, with release and architecture filled in."""
    return repository_addresses(
        repository, major=state.os.major, arch=state.kernel.arch, is_rhel=state.os.id == "rhel"
    )


def repository_addresses(repository: Repository, *, major: int, arch: str, is_rhel: bool = False) -> tuple[str, ...]:
    """Return the addresses of the repository for such hosts, filled in; the first that answers is it."""
    addresses = [repository.url]
    if repository.url is None:
        official = presets.docker_packages(repository.mirror, repository.channel)
        # docker-ce-packaging builds EL 8 for rhel only since 2024; download.docker.com has no rhel/7 for x86_64.
        trees = ("rhel", "centos") if is_rhel or major == 8 else ("centos", "rhel")
        addresses = [official.replace("/linux/centos/", f"/linux/{tree}/") for tree in trees]
    filled = [address for address in addresses if address]
    for name, value in (("$releasever", str(major)), ("$basearch", arch)):
        filled = [address.replace(name, value) for address in filled]
    return tuple(address.rstrip("/") for address in filled)


def room(engine: Engine, state: HostState) -> tuple[bool, int, int]:
    """Return whether the engine is there already, how much its programs take, and how much arrives for them."""
    if isinstance(engine, StaticEngine):
        programs_bytes = sum(program.size_bytes for program in engine.artifact.programs.values())
        return state.engine.current == engine.artifact.directory, programs_bytes, engine.artifact.archive.size_bytes
    arriving_bytes = _PACKAGES_BYTES
    if engine.package_set is not None:
        names = engine.wanted.values()
        arriving_bytes = sum(one.blob.size_bytes for one in engine.package_set.packages if one.nevra in names)
    is_there = all(engine.is_installed(name, state) for name in engine.wanted)
    # An RPM grows to less than four times its size; the one that is replaced goes last.
    return is_there, 4 * arriving_bytes, 2 * arriving_bytes


def no_packages_for(target: str, where: str, found: str) -> BundleError:
    """Make the error for a bundle without packages for this kind of host."""
    return BundleError(
        f"the bundle has no packages of the engine for {target}",
        where=where,
        found=found or "no packages",
        hint=f'targets in bundle.toml with "{target}", then staithe bundle lock and build',
    )
