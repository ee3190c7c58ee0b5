"""Images in bundle.toml, and the registries that they come from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from staithe.bundle import reference
from staithe.config.section import Section
from staithe.config.values import LocalPath, mistake, parsed, text
from staithe.errors import BundleError
from staithe.sourcing.server_wish import ConnectionWish

Arch = Literal["x86_64", "aarch64"]
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"


def _reference(check: Callable[[reference.Reference], bool]) -> Callable[[str], reference.Reference]:
    def parse(value: str) -> reference.Reference:
        try:
            found = reference.parse(value)
        except BundleError as error:
            raise ValueError(value) from error
        if not check(found):
            raise ValueError(value)
        return found

    return parse


PullReference = Annotated[
    str,
    parsed(
        "an image reference with its tag or digest, such as docker.io/library/nginx:1.27",
        _reference(lambda one: bool(one.tag or one.digest)),
    ),
]
TaggedName = Annotated[
    str,
    parsed("a name with its tag, such as team/app:1.0", _reference(lambda one: bool(one.tag and not one.digest))),
]


class ImageWish(Section):
    """A container image: one of `reference`, `layout` and `archive` says where it is."""

    reference: PullReference | None = Field(
        default=None,
        description="In a registry. The lock pins the digest; a tag that moved is taken by "
        "`bundle lock --upgrade REFERENCE` alone. Logins are those of `docker login`.",
        examples=["docker.io/library/nginx:1.27"],
    )
    layout: LocalPath | None = Field(
        default=None, description="Folder of an OCI image layout, as skopeo and buildx write it."
    )
    archive: LocalPath | None = Field(default=None, description="docker save's tar, or a tar of an OCI layout.")
    name: TaggedName | None = Field(
        default=None,
        description="Name that the image goes by on hosts, where that is another one. Needed by a reference without "
        "a tag, as `docker load` keeps no digests, and by an image of a layout that has no name there.",
        examples=["nginx:1.27-pinned"],
    )
    archs: tuple[Arch, ...] = Field(
        default=(),
        description="Only for these architectures of `targets`; empty: for all. Of references and layouts.",
    )

    @model_validator(mode="after")
    def _whole(self) -> ImageWish:
        given = [one for one in (self.reference, self.layout, self.archive) if one is not None]
        if len(given) != 1:
            raise mistake("one of reference, layout and archive says where the image is")
        if self.archive is not None and (self.name is not None or self.archs):
            raise mistake("name and archs go with a reference or a layout; an archive has names of its own")
        if self.reference is not None and self.name is None and reference.parse(self.reference).tag is None:
            raise mistake(
                "an image that is pinned by its digest alone would have no name on hosts: `docker load` keeps no "
                f'digests; give it one, such as name = "{reference.parse(self.reference).name}:pinned"'
            )
        return self

    @property
    def host_name(self) -> str | None:
        """The full name on hosts, where it is known beforehand."""
        if self.name is not None:
            return reference.full(self.name)
        if self.reference is None:
            return None
        found = reference.parse(self.reference)
        return f"{found.name}:{found.tag}"

    @property
    def pinned(self) -> str | None:
        """The reference by digest, where that is what was asked for."""
        found = reference.parse(self.reference) if self.reference is not None else None
        return f"{found.name}@{found.digest}" if found is not None and found.digest else None


class RegistryWish(ConnectionWish):
    """How a registry of images is reached. One that needs nothing of this need not be named."""

    host: Annotated[str, text("HOST or HOST:PORT", _HOST)] = Field(
        description="The registry, as references name it.", examples=["registry.example.com:5000"]
    )
    mirror: Annotated[str, text("HOST[:PORT] and perhaps a path", rf"{_HOST}(?:/[a-z0-9._/-]*[a-z0-9])?")] | None = (
        Field(
            default=None,
            description="Registry that is asked instead, perhaps with a path before the names. The lock keeps the "
            "original names; certificates and the like are those of the mirror's own [[registry]].",
            examples=["mirror.example.com", "harbor.example.com/dockerhub"],
        )
    )
    plain_http: bool | None = Field(
        default=None,
        description="Whether it speaks http without TLS: logins can be read on the way. None: only on this machine, "
        "if it has no `ca`.",
    )

    @model_validator(mode="after")
    def _whole(self) -> RegistryWish:
        if self.host in ("index.docker.io", "registry-1.docker.io", "hub.docker.com"):
            raise mistake('references name this registry docker.io: host = "docker.io"')
        if self.plain_http and (self.ca or self.client_certificate):
            raise mistake("plain_http has no certificates")
        if self.mirror is not None and re.match(_HOST, self.mirror)[0] == self.host:  # type: ignore[index]
            raise mistake("the registry is its own mirror")
        return self
