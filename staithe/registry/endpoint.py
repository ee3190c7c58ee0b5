"""Where a registry answers, and how it is reached."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from staithe.sourcing.access import Access

DOCKER_HUB = "docker.io"
# docker.io in references is this server.
_DOCKER_HUB_SERVER = "registry-1.docker.io"


@dataclass(frozen=True)
class Settings:
    """How the settings are written that change the way to a registry: where it was named, there they are."""

    ca: str = 'ca = "FILE" in its [[registry]] of bundle.toml'
    plain_http: str = "plain_http = true in its [[registry]] of bundle.toml"
    # None: where docker keeps its logins.
    login: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """A registry. Its logins are found by `host`."""

    # As in references: docker.io, registry.example.com:5000.
    host: str
    # Without a slash at its end; what is asked starts with /v2/.
    url: str
    # Proxy and certificates; a login comes from docker's configuration file.
    access: Access = field(default_factory=Access)
    # For hints.
    settings: Settings = field(default_factory=Settings)

    @property
    def is_plain(self) -> bool:
        """Whether everybody on the way can read and change what goes there and back."""
        return self.url.startswith("http://")


def endpoint_of(
    host: str, *, plain_http: bool | None = None, access: Access | None = None, settings: Settings | None = None
) -> Endpoint:
    """Return where the registry `host` answers: http only where asked for, or on this machine."""
    access = access or Access()
    plain = plain_http if plain_http is not None else is_loopback(host) and access.ca is None
    server = _DOCKER_HUB_SERVER if host == DOCKER_HUB else host
    return Endpoint(host, f"{'http' if plain else 'https'}://{server}", access, settings or Settings())


def is_loopback(host: str) -> bool:
    """Tell whether HOST[:PORT] is this machine."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
