"""bundle.toml: what a bundle shall hold, in the words of whoever wants it. bundle.lock says what came of it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from staithe.config.section import Section
from staithe.config.values import LocalPath, Name, mistake, parsed, text
from staithe.sourcing import presets
from staithe.sourcing.image_wish import Arch, ImageWish, RegistryWish
from staithe.sourcing.server_wish import ServerWish
from staithe.sourcing.version_range import VersionRange


def _without_login(address: str) -> str:
    # What is found is not told: it may be a password.
    if re.match(r"https?://[^/?#]*@", address):
        raise mistake("a login in an address ends in bundle.lock; name it with username and password")
    return address


Range = Annotated[str, parsed('a version or range such as "28.5.2", "28.5" or ">=28.3, <29"', VersionRange.parse)]
Address = Annotated[
    str,
    text("an https:// or http:// address or a path, without blanks", r"(https?://[!-~]+|[^-\s:][^\s:]*)", 2048),
    AfterValidator(_without_login),
]
Fingerprint = Annotated[
    str, text("a fingerprint of 40 or 64 hex digits in upper case, without blanks", r"[0-9A-F]{40}|[0-9A-F]{64}")
]
PackageSpec = Annotated[
    str,
    text(
        "a package such as iptables-nft, or one with its version such as kernel-modules-extra-5.14.0-570.el9",
        r"[A-Za-z0-9_][A-Za-z0-9._+:~^-]*",
        256,
    ),
]
PackageVersion = Annotated[
    str,
    text("a version such as 1.7.27, or one with its release such as 1.7.27-3.1.el9", r"[0-9][A-Za-z0-9._+~^-]*", 64),
]
Mirror = Annotated[str, text("one of " + ", ".join(presets.DOCKER_MIRRORS), "|".join(presets.DOCKER_MIRRORS))]
# The one of Docker's packages that is the engine.
ENGINE_PACKAGE = "docker-ce"
PLUGINS = {
    "compose": "docker-compose-plugin",
    "buildx": "docker-buildx-plugin",
    "rootless-extras": "docker-ce-rootless-extras",
}


class EngineWish(ServerWish):
    """The engine. Login, proxy and certificates are for the server of the static archives."""

    version: Range = Field(
        description="Version or range; the newest one inside is chosen, and stays until `bundle lock --upgrade`.",
        examples=["28.5.2", ">=28.3, <29"],
    )
    sources: tuple[Literal["rpm", "static"], ...] = Field(
        default=("rpm",), min_length=1, description="As packages, as the static archive, or both."
    )
    plugins: tuple[Literal["compose", "buildx", "rootless-extras"], ...] = Field(
        default=(), description="Plugins, as packages."
    )
    pins: dict[Literal["containerd.io", "docker-compose-plugin", "docker-buildx-plugin"], PackageVersion] = Field(
        default={},
        description="Exact versions of the packages that go with the engine's. Others come as the newest, "
        "which stays until `bundle lock --upgrade`.",
        examples=[{"containerd.io": "1.7.27"}],
    )
    static: Address | None = Field(
        default=None,
        description="Folder or address with ARCH/docker-VERSION.tgz below it. None: that of `mirror`.",
    )
    static_sha256: dict[Arch, Annotated[str, text("64 hex digits", "[0-9a-f]{64}")]] = Field(
        default={},
        description="Digests of the static archives, by architecture. Docker publishes none: without them the first "
        "lock trusts what it gets, and the lock pins that.",
    )

    @model_validator(mode="after")
    def _pins_what_comes(self) -> EngineWish:
        wanted = {"containerd.io", *(PLUGINS[plugin] for plugin in self.plugins)} if "rpm" in self.sources else set()
        idle = sorted(set(self.pins) - wanted)
        if idle:
            raise mistake(f"pins names {', '.join(idle)}, which does not come along: look at sources and plugins")
        return self


class Targets(Section):
    """Hosts that the bundle is for."""

    majors: tuple[Literal[7, 8, 9, 10], ...] = Field(
        default=(9,), min_length=1, description="Major releases of Enterprise Linux."
    )
    archs: tuple[Arch, ...] = Field(default=("x86_64",), min_length=1, description="Architectures.")
    bases: tuple[LocalPath, ...] = Field(
        default=(),
        description="Files of `staithe bundle base`, patterns too: for each the packages are resolved that its hosts "
        "lack. A release and architecture without a base is resolved from nothing.",
        examples=[["bases/*.rpms"]],
    )


class PackagesWish(Section):
    """Packages beside the engine's."""

    extra: tuple[PackageSpec, ...] = Field(
        default=(), description="More packages, with all that they need.", examples=[["iptables-nft"]]
    )
    exclude: tuple[PackageSpec, ...] = Field(
        default=(), description="Packages that must not come along, or of which these versions must not."
    )
    weak_dependencies: bool = Field(default=False, description="Follow Recommends too.")


class RepositoryWish(ServerWish):
    """A package repository."""

    id: Name = Field(description="Short name, as in a .repo file.", examples=["docker-ce"])
    preset: Literal["docker-ce"] | None = Field(
        default=None, description="A repository that staithe knows: address, key and fingerprint are filled in."
    )
    mirror: Mirror = Field(default="official", description="Which mirror of the preset.")
    url: Address | None = Field(
        default=None,
        description="Address or folder that holds repodata/; $releasever and $basearch are filled in.",
        examples=["https://mirror.example.com/el/$releasever/BaseOS/$basearch/os"],
    )
    keys: tuple[Address, ...] = Field(
        default=(), description="Public keys that sign the packages: files or addresses."
    )
    fingerprints: tuple[Fingerprint, ...] = Field(
        default=(), max_length=2, description="Pinned fingerprints of those keys; two while a key is being replaced."
    )
    majors: tuple[Literal[7, 8, 9, 10], ...] = Field(default=(), description="Only for these; empty: for all.")
    archs: tuple[Arch, ...] = Field(default=(), description="Only for these; empty: for all.")
    priority: int = Field(default=99, ge=1, le=99, description="As dnf's: the lowest number wins.")
    cost: int = Field(default=1000, ge=0, le=1000000, description="As dnf's: breaks ties between equal packages.")
    module_hotfixes: bool = Field(default=False, description="As dnf's: module filtering leaves it alone.")
    signed_metadata: bool = Field(default=False, description="Require a valid repomd.xml.asc by one of the keys.")
    exclude: tuple[PackageSpec, ...] = Field(
        default=(), description="Packages, or versions of them, that are not taken from here."
    )

    @model_validator(mode="after")
    def _whole(self) -> RepositoryWish:
        if (self.preset is None) == (self.url is None):
            raise mistake("one of preset and url says where the repository is")
        if self.url is not None and not (self.keys and self.fingerprints):
            raise mistake("keys and fingerprints are needed: packages are only taken when a pinned key signed them")
        return self

    @property
    def address(self) -> str:
        return self.url or presets.docker_packages(self.mirror)

    @property
    def key_addresses(self) -> tuple[str, ...]:
        return self.keys or (presets.docker_key(self.mirror),)

    @property
    def pinned(self) -> tuple[str, ...]:
        return self.fingerprints or (presets.DOCKER_KEY,)


class Description(Section):
    """All of bundle.toml."""

    schema_version: Literal[1] = Field(description="1.")
    name: Name = Field(description="Name of the bundle: versions of it are compared by their serial.")
    targets: Targets = Field(default=Targets(), description="Hosts that it is for.")
    engine: EngineWish | None = Field(default=None, description="The engine.")
    packages: PackagesWish = Field(default=PackagesWish(), description="Packages beside the engine's.")
    repository: tuple[RepositoryWish, ...] = Field(default=(), description="Package repositories.")
    image: tuple[ImageWish, ...] = Field(default=(), description="Images.")
    registry: tuple[RegistryWish, ...] = Field(default=(), description="Registries that images come from.")

    @model_validator(mode="after")
    def _consistent(self) -> Description:
        for what, names in (
            ("repositories have the id", [one.id for one in self.repository]),
            ("registries have the host", [one.host for one in self.registry]),
            ("images have the name", [one.host_name for one in self.image if one.host_name]),
        ):
            double = sorted({one for one in names if names.count(one) > 1})
            if double:
                raise mistake(f"two {what} {', '.join(double)}")
        for image in self.image:
            if image.archs and not set(image.archs) & set(self.targets.archs):
                raise mistake(f"archs of the image {image.host_name or image.layout} are none of targets.archs")
        if self.wants_packages and not self.repository:
            raise mistake('packages are wanted, but there is no [[repository]]; try preset = "docker-ce"')
        if self.engine is None and not self.packages.extra and not self.image:
            raise mistake("nothing is wanted: no [engine], no packages.extra, no [[image]]")
        return self

    @property
    def wants_packages(self) -> bool:
        return bool(self.packages.extra) or (self.engine is not None and "rpm" in self.engine.sources)
