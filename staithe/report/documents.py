"""The documents that `--json` prints beside a run's result: bundle show, config show, lab status."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OfferedVersion(_Document):
    """A version of the engine."""

    version: str
    packages: dict[str, str] = Field(description="Kind of host (el9-x86_64) -> the package that is offered for it.")
    hosts: list[str] = Field(default=[], description="Hosts that have this version, whether it runs or not.")


class RepositoryOffer(_Document):
    """What one repository has on offer."""

    repository: str = Field(description="Its address, $releasever and $basearch not filled in.")
    versions: list[OfferedVersion] = Field(description="Newest first.")
    without: dict[str, str] = Field(description="Kind of host -> why nothing is offered for it.")
    described_for: list[str] = Field(default=[], description="Hosts that are described to install from it.")
    notes: list[str] = Field(default=[], description="What is amiss with it, or not as it is on the hosts.")


class VersionsDocument(RepositoryOffer):
    """What `staithe versions --json` prints; of several repositories the first, and then the others."""

    schema_version: Literal[1]
    exit_code: int
    others: list[RepositoryOffer] = Field(default=[], description="Where hosts do not all have the same.")
    failures: dict[str, str] = Field(default={}, description="Host -> why it could not be asked.")


class BundleEngine(_Document):
    """An engine in a bundle."""

    version: str
    arch: str
    size_bytes: int
    digest: str = Field(description="Of the archive, as sha256:HEX.")
    programs: dict[str, str] = Field(description="Name -> sha256 of each program inside.")


class BundleImage(_Document):
    """An image in a bundle."""

    references: list[str]
    arch: str
    size_bytes: int
    config_digest: str
    manifest_digest: str


class BundlePackage(_Document):
    """An RPM package in a bundle."""

    nevra: str
    size_bytes: int
    digest: str


class BundlePackageSet(_Document):
    """The packages for one kind of host."""

    target: str = Field(description="Such as el9-x86_64.")
    engine: str | None = Field(description="Version of the engine among them.")
    packages: list[BundlePackage]


class BundleSignature(_Document):
    """A signature that lies in a bundle; show does not say whether it is good."""

    file: str
    fingerprint: str = Field(description="Of the key, as `ssh-keygen -l` prints it.")


class BundleDocument(_Document):
    """What `staithe bundle show --json` prints."""

    schema_version: Literal[1]
    digest: str = Field(description="Of index.json: it names everything that the bundle holds.")
    name: str = Field(default="", description="Bundles of one name are generations of one another.")
    serial: int | None = Field(default=None, description="Of the lock that the bundle was built from.")
    signatures: list[BundleSignature] = []
    engines: list[BundleEngine]
    images: list[BundleImage]
    package_sets: list[BundlePackageSet] = []
    total_bytes: int


class BundleName(_Document):
    """Which bundle."""

    digest: str
    name: str
    serial: int | None


class BundleItem(_Document):
    """A thing as one of two bundles has it."""

    version: str = Field(default="", description="Of packages VERSION-RELEASE, else the beginning of the digest.")
    digest: str
    size_bytes: int


class BundleDifference(_Document):
    """Something that came, went or became another."""

    kind: Literal["added", "removed", "changed"]
    what: str = Field(description="Such as `engine 28.5.2`, `image app:1` or `package containerd.io`.")
    arch: str = Field(
        description="x86_64; of packages the kind of host, such as el9-x86_64, and the engine's version."
    )
    before: BundleItem | None
    after: BundleItem | None


class BundleDiffDocument(_Document):
    """What `staithe bundle diff --json` prints."""

    schema_version: Literal[1]
    old: BundleName
    new: BundleName
    differences: list[BundleDifference]
    transfer_bytes: int = Field(description="What somebody who has the old one needs for the new one.")


class Base(_Document):
    """A group of like hosts, and the file that says what they have installed."""

    file: str
    release: str
    arch: str
    kernel: str
    selinux_policy: str
    hosts: list[str]
    packages: int = Field(description="That all of the hosts have.")
    left_out: list[str] = Field(description="NEVRAs that some of the hosts have and others lack.")
    changed: bool = Field(description="Whether the file was written; else it was the same already.")


class BaseFailure(_Document):
    """A host that could not be asked."""

    host: str
    code: str
    message: str


class BasesDocument(_Document):
    """What `staithe bundle base --json` prints."""

    schema_version: Literal[1]
    run_id: str
    exit_code: int
    bases: list[Base]
    failures: list[BaseFailure]
    superseded: list[str] = Field(description="Files of earlier runs whose hosts are of other kinds by now.")


class ConfigValue(_Document):
    """One value, and the layer that it comes from."""

    value: Any
    origin: str


class ConfigHost(_Document):
    """What holds for one host."""

    groups: list[str]
    values: dict[str, ConfigValue] = Field(description="By dotted path.")


class ConfigDocument(_Document):
    """What `staithe config show --json` prints."""

    schema_version: Literal[1]
    hosts: dict[str, ConfigHost]


class LabProcess(_Document):
    """A process, named for good by number and start (clock ticks since boot)."""

    pid: int
    start: int


class LabHost(_Document):
    """A host of the lab."""

    name: str
    ip: str
    image: str
    cgroup: str
    keeper: LabProcess


class LabRegistry(_Document):
    """The lab's registry."""

    url: str
    images: list[str]
    process: LabProcess


class LabDocument(_Document):
    """What `staithe lab status --json` prints."""

    schema_version: Literal[1]
    id: str
    root: str
    state: Literal["changing", "ready"]
    bridge: str
    address: str
    subnet: str
    user: str
    cache: str
    hosts: dict[str, LabHost]
    registry: LabRegistry | None
    ssh_key: str
    known_hosts: str
    ssh_config: str
    signing_key: str = Field(default="", description="Private key that bundles for the lab are signed with.")
    allowed_signers: str = Field(default="", description="File for trust.allowed_signers.")
