"""The package repository that hosts install the engine from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from staithe.base_repositories import VAULTS
from staithe.config.section import Section
from staithe.config.values import AbsolutePath, ProxyUrl, mistake, text
from staithe.sourcing import presets

PackageName = Annotated[str, text("the name of a package", r"[A-Za-z0-9_][A-Za-z0-9._+-]*", 100)]
_PackageVersion = Annotated[str, text("a version such as 1.7.27", r"[0-9][A-Za-z0-9.+~^]*", 64)]
_Companion = Literal["containerd.io", "docker-buildx-plugin", "docker-compose-plugin", "docker-ce-rootless-extras"]
_Fingerprint = Annotated[
    str, text("a fingerprint of 40 or 64 hex digits in upper case, without blanks", r"[0-9A-F]{40}|[0-9A-F]{64}")
]
_Login = Annotated[str, text("text without a colon", r"[^:]+")]


def _without_login(address: str) -> str:
    if re.match(r"https?://[^/?#]*@", address):
        raise mistake("a login in an address ends in a file that everybody reads; use username and password")
    return address


_Url = Annotated[
    str,
    text("an https:// or http:// address, without blanks", r"https?://[!-~]+", 2048),
    AfterValidator(_without_login),
]
_Key = Annotated[
    str,
    text("a file on this machine, or an https:// or http:// address", r"(https?://[!-~]+|[^-\s:][^:]*)", 2048),
    AfterValidator(_without_login),
]


class Repository(Section):
    """The package repository with the engine: Docker's own, a mirror of it, or one of your own.

    staithe writes its file itself, with the release spelled out; signatures are checked, and the key that checks them
    is one of the pinned.
    """

    mirror: Literal[tuple(presets.DOCKER_MIRRORS)] = Field(  # type: ignore[valid-type]
        default="official", description="Docker's own repository, or a mirror that has the same tree."
    )
    channel: Literal["stable", "test"] = Field(default="stable", description="Releases, or what comes before them.")
    url: _Url | None = Field(
        default=None,
        description="A repository of your own in the mirror's place: the folder above repodata/. $releasever is "
        "filled in with the major release, $basearch with the architecture.",
        examples=["https://rpms.example.com/docker-ce/el$releasever/$basearch"],
    )
    key: _Key | None = Field(
        default=None,
        description="Public key of the packages: a file on this machine, or an address that the host reaches. None: "
        "the mirror's. What counts is its fingerprint.",
        examples=["./RPM-GPG-KEY-docker"],
    )
    fingerprints: Annotated[tuple[_Fingerprint, ...], Field(min_length=1, max_length=4)] = Field(
        default=(presets.DOCKER_KEY,), description="Pinned fingerprints of the key: 40 hex digits in upper case."
    )
    pins: dict[_Companion, _PackageVersion] = Field(
        default_factory=dict,
        description="Versions of further packages that go with the engine's. Others come as the repository has them, "
        "and then stay.",
        examples=[{"containerd.io": "1.7.27"}],
    )
    plugins: tuple[Literal["buildx", "compose"], ...] = Field(
        default=("buildx", "compose"), description="Plugins of the command line that are installed beside it."
    )
    username: _Login | None = Field(default=None, description="Who logs in to the repository.")
    password: str | None = Field(
        default=None,
        repr=False,
        description="The password; it stands in the repository's file on the host, which then only root reads. Name "
        "it instead of writing it: from_env, from_file or from_prompt.",
    )
    proxy: ProxyUrl | None = Field(
        default=None,
        description="HTTP proxy on the way to it. None: what dnf.conf on the host says.",
        examples=["http://proxy.example.com:3128"],
    )
    client_cert: AbsolutePath | None = Field(default=None, description="Certificate on the host that shows who asks.")
    client_key: AbsolutePath | None = Field(default=None, description="The key of that certificate, on the host.")
    ca: AbsolutePath | None = Field(
        default=None,
        description="Certificate on the host of the authority behind the server. None: the usual.",
    )
    priority: int | None = Field(default=None, ge=1, le=99, description="As in dnf: 1 before 99.")
    module_hotfixes: bool | None = Field(
        default=None, description="None: on EL 8, where a module would hide containerd.io and its dependencies."
    )

    base: Literal[tuple(VAULTS)] | None = Field(  # type: ignore[valid-type]
        default=None,
        description="CentOS 7, 8 and Stream 8 have ended, and their own repositories are gone: lead the files that "
        "they came with to the vault, or to a mirror of it. The files of before come back with `staithe remove`.",
        examples=["vault"],
    )

    known_mistakes: ClassVar[Mapping[str, str]] = {
        "gpgcheck": "signatures are always checked; for a key of your own use key and fingerprints",
        "gpgkey": "use key and fingerprints",
        "baseurl": "use url",
    }

    @model_validator(mode="after")
    def _fits(self) -> Repository:
        if self.url is not None and self.key is None:
            raise mistake("url needs key, and fingerprints if the key is not Docker's")
        if (self.username is None) != (self.password is None):
            given, missing = ("password", "username") if self.username is None else ("username", "password")
            raise mistake(f"{given} needs {missing}")
        if (self.client_cert is None) != (self.client_key is None):
            given, missing = (
                ("client_key", "client_cert") if self.client_cert is None else ("client_cert", "client_key")
            )
            raise mistake(f"{given} needs {missing}")
        return self
