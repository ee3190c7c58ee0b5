"""What a bundle holds, as read from its index and manifests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from staithe.bundle.layout import blob_name

if TYPE_CHECKING:
    from staithe.bundle.files import BundleFiles


@dataclass(frozen=True)
class Blob:
    """A file of the bundle, named by its content."""

    digest: str  # "sha256:<64 hex>"
    size_bytes: int
    media_type: str

    @property
    def hex(self) -> str:
        return self.digest.removeprefix("sha256:")


@dataclass(frozen=True)
class Program:
    """One program inside an engine archive."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class EngineArtifact:
    """A static engine archive."""

    version: str
    arch: str  # as `uname -m`: x86_64, aarch64
    archive: Blob
    programs: dict[str, Program]  # dockerd, docker, containerd, ...

    @property
    def directory(self) -> str:
        """Name of the versioned directory on hosts: the version and the first 12 digits of the archive's digest."""
        return f"{self.version}-{self.archive.hex[:12]}"


@dataclass(frozen=True)
class ImageArtifact:
    """A container image for one architecture."""

    references: tuple[str, ...]  # as `docker images` prints them: name:tag, no docker.io/ and library/
    arch: str  # as `uname -m`
    manifest: Blob
    config: Blob
    layers: tuple[Blob, ...]
    # Digests of what leads to it on `arch`: indexes of platforms, docker's own manifest in the registry.
    origins: tuple[str, ...] = ()
    # The reference by digest that somebody pinned it with.
    pinned: str | None = None

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return (self.manifest, self.config, *self.layers)

    @property
    def ids(self) -> tuple[str, ...]:
        """What engines call it: the config's digest in a graph driver's store; in containerd's what it came as."""
        return (self.config.digest, self.manifest.digest, *self.origins)


@dataclass(frozen=True)
class Package:
    """An RPM package."""

    nevra: str
    file_name: str  # in the repository of its set
    key: str  # fingerprint of the key that signed it
    blob: Blob


@dataclass(frozen=True)
class PackageSet:
    """The packages for one kind of host, as a repository."""

    target: str  # el9-x86_64
    engine: str | None  # version
    packages: tuple[Package, ...]
    metadata: dict[str, Blob]  # by its name in repodata/
    keys: dict[str, Blob]  # by file name

    @property
    def size_bytes(self) -> int:
        return sum(package.blob.size_bytes for package in self.packages)

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return (*(package.blob for package in self.packages), *self.metadata.values(), *self.keys.values())


@dataclass(frozen=True)
class Bundle:
    """An opened bundle. Blobs are read from where they lie, never copied."""

    root: Path  # a folder, or a tar
    digest: str  # of index.json
    engines: tuple[EngineArtifact, ...] = field(default=())
    images: tuple[ImageArtifact, ...] = field(default=())
    package_sets: tuple[PackageSet, ...] = field(default=())
    # bundle.lock and the CycloneDX document, of a bundle that was built from a lock.
    lock: Blob | None = None
    sbom: Blob | None = None

    # Bundles of the same name are generations of one another; only these have serials that are compared.
    name: str = ""
    serial: int | None = None  # of the lock that it was built from
    # Who has signed it, by the names of the allowed signers; empty until somebody has checked.
    signers: tuple[str, ...] = field(default=(), compare=False)
    files: BundleFiles | None = field(default=None, compare=False, repr=False)

    def open(self, blob: Blob) -> IO[bytes]:
        """Open a blob for reading."""
        assert self.files is not None, "this bundle was not read from anywhere"
        return self.files.open(blob_name(blob.digest))
