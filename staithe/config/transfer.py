"""How blobs come to hosts."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator

from staithe.config.section import Section
from staithe.config.values import Expects, Ip, LocalPath, ProxyUrl, mistake, text, unexpected

InventoryName = Annotated[str, text("the name of a host of the inventory", r"[^-\s].*")]
_TARGET = re.compile(
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?)/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


def _check_target(value: str) -> str:
    expected = "REGISTRY/NAME:TAG, as for `staithe bundle push`"
    match = _TARGET.fullmatch(value) if len(value) <= 512 else None
    if match is None:
        raise unexpected(expected)
    # A first part without a dot or a port would be a name on Docker Hub.
    if not re.search("[.:]|^localhost$", match["host"]):
        raise unexpected(f"{expected}, the registry with its domain or port")
    return value


Target = Annotated[str, Expects(_check_target, "REGISTRY/NAME:TAG")]
Login = Annotated[str, text("text without a colon", r"[^:]+")]
Port = Annotated[int, Field(ge=1024, le=65535)]


class Transfer(Section):
    """How blobs come to the host: over SSH, or pulled by it over HTTP, from a relay or from a registry.

    What comes is used only when its sha256 is right, wherever it comes from. When a host cannot pull, it gets the
    rest over SSH, and the run says so.
    """

    relay: InventoryName | None = Field(
        default=None,
        description="Host of the inventory that gets each blob once, over SSH, and serves it to the others for the "
        "time of the run. It need not be among the hosts that the run changes.",
        examples=["web1"],
    )
    relay_address: Ip | None = Field(
        default=None,
        description="For the relay itself: the address of it that the others use. None: the one by which staithe "
        "reaches it; needed when that is behind a jump host.",
        examples=["10.0.0.11"],
    )
    relay_port: Port | None = Field(
        default=None,
        description="For the relay itself: the TCP port that it listens on. None: the first free one of 18500 to "
        "18515. With a port of your own only one run at a time has this relay.",
        examples=[18500],
    )
    relay_time_limit_s: int = Field(
        default=14400,
        ge=10,
        le=7 * 86400,
        description="For the relay itself: it ends after so long, whatever became of the run. A run that ends, is "
        "killed, or loses its connection takes it away at once, or within a minute.",
    )
    registry: Target | None = Field(
        default=None,
        description="Where `staithe bundle push` put the bundle: the host pulls its blobs from there. What they are "
        "is still said by the bundle here. Such as registry.example.com/site/bundle:1.",
    )
    registry_ca: LocalPath | None = Field(
        default=None,
        description="Certificate, on this machine, of the authority that the registry's is from (PEM). None: those "
        "that this machine, and the host, trust.",
        examples=["./site-ca.pem"],
    )
    registry_plain_http: bool = Field(
        default=False,
        description="Without TLS. The login, if there is one, can then be read on the line; blobs are still checked.",
    )
    registry_user: Login | None = Field(default=None, description="Who logs in to the registry.")
    registry_password: str | None = Field(
        default=None,
        repr=False,
        description="The password; the host gets it, or a token in its place, for the time of a pull and in no file. "
        "Name it instead of writing it: from_env, from_file or from_prompt.",
    )
    proxy: ProxyUrl | None = Field(
        default=None,
        description="HTTP proxy on the way to the registry. None: none, whatever the environment says.",
        examples=["http://proxy.example.com:3128"],
    )

    @model_validator(mode="after")
    def _one_way(self) -> Transfer:
        if self.relay is not None and self.registry is not None:
            raise mistake("relay and registry are two ways for the same blobs: name one of them")
        if (self.registry_user is None) != (self.registry_password is None):
            pair = ("registry_password", "registry_user")
            given, missing = pair if self.registry_user is None else reversed(pair)
            raise mistake(f"{given} needs {missing}")
        return self
