"""What is asked of the solver, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from staithe.rpm.nevra import Nevra
from staithe.rpm.repomd import Checksum

# On a 64-bit host nothing of staithe's needs 32-bit libraries.
EXCLUDED = ("*.i?86",)


@dataclass(frozen=True)
class Request:
    """What is to be installed, as one would type it after `dnf install`.

    `names` are NAME, NAME.ARCH, NAME-[EPOCH:]VERSION[-RELEASE][.ARCH], a capability, or a path. `platform` is what
    modules require of the host: platform:el8. `excluded` are patterns of NAME or NAME.ARCH.

    `locked` is what an earlier closure had: it stays wherever it can, except the names in `upgrade`.
    """

    names: tuple[str, ...]
    arch: str
    platform: str
    excluded: tuple[str, ...] = EXCLUDED
    locked: tuple[Nevra, ...] = ()
    upgrade: frozenset[str] = frozenset()
    weak_dependencies: bool = False


@dataclass(frozen=True)
class Package:
    """One package of a closure, and where its repository has it.

    `href` is the path inside the repository, `checksum` that of the file, `source` the file name of the source
    package (empty where the repository does not say), `build_time` in seconds since 1970.
    """

    nevra: Nevra
    repository: str
    href: str
    size_bytes: int
    checksum: Checksum
    build_time: int
    source: str


@dataclass(frozen=True)
class Closure:
    """Everything that has to be installed, sorted by name; nothing when all of it is there."""

    packages: tuple[Package, ...]

    @property
    def nevras(self) -> tuple[str, ...]:
        return tuple(str(package.nevra) for package in self.packages)
