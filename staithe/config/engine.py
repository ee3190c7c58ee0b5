"""Where the engine comes from and which version it is."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from staithe.config.repository import PackageName, Repository
from staithe.config.section import Section
from staithe.config.values import LocalPath, Version, mistake

# What keeps containerd.io or docker-ce-cli off a host, or does their work under their names.
Conflicting = Literal["podman", "podman-docker", "buildah", "runc", "containerd"]
REPLACEABLE = get_args(Conflicting)


class Engine(Section):
    """The container engine: its source and version."""

    source: Literal["static-bundle", "rpm-bundle", "repository"] = Field(
        default="static-bundle",
        description="Where the engine comes from: static-bundle, the static archive in a bundle; rpm-bundle, the "
        "packages in a bundle; repository, a package repository that the host reaches.",
    )
    bundle: LocalPath | None = Field(
        default=None,
        description="Folder or .tar of the bundle (`staithe bundle build`). A relative path starts at the folder "
        "that staithe is called in. With the source repository it is for images only, and may be left out.",
        examples=["./bundle"],
    )
    version: Version | None = Field(
        default=None,
        description="Exact engine version. None: the only one in the bundle; with the source repository what is "
        "installed, or the newest where nothing is.",
        examples=["28.5.2"],
    )
    repository: Repository = Field(
        default_factory=Repository, description="The package repository, for the source repository."
    )
    hold: bool = Field(
        default=True,
        description="Packages of the engine are held: `dnf update` leaves them alone. False releases them.",
    )
    take_over: bool = Field(
        default=False,
        description="Consent: an engine that staithe did not put there is replaced by the one that is described. "
        "Containers, images, volumes and the keys of daemon.json that are not described stay.",
    )
    replace: tuple[Conflicting, ...] = Field(
        default=(),
        description="Consent: packages in the engine's way that may be removed, with what needs them. Their data "
        "(/var/lib/containers) is never touched.",
        examples=[["runc"]],
    )
    may_upgrade: Annotated[tuple[PackageName, ...], Field(max_length=100)] = Field(
        default=("container-selinux",),
        description="Packages beside the engine's own that its installation may bring to another version. When it "
        "would change any other package that is installed, the host is refused with the list.",
    )

    force: bool = Field(
        default=False,
        description="Consent: the bundle's engine packages are installed by `rpm --force --nodeps`, alone, whatever "
        "they need or replace. Each run warns of it. Only with the source rpm-bundle.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Engine:
        if self.source == "repository" and self.repository.pins and self.version is None:
            raise mistake("repository.pins needs version: pins go with one version of the engine")
        if self.force and self.source != "rpm-bundle":
            raise mistake(f"force is for the packages of a bundle, and source is {self.source}")
        return self
