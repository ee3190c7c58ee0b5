"""The package repositories that hosts are described to install from, as this machine asks them. Pure.

A host's certificates lie on the host: those that are not on this machine too are left out, and that is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from staithe.config import Config
from staithe.config.repository import Repository
from staithe.engine import repository_addresses
from staithe.sourcing import presets
from staithe.sourcing.access import Access
from staithe.sourcing.target import Target


@dataclass(frozen=True)
class AskedRepository:
    """A repository, the way to it, and who installs from it."""

    # As it is shown: $releasever and $basearch are not filled in.
    address: str
    # None: `address` is all there is to say.
    described: Repository | None = None
    access: Access = field(default_factory=Access)
    hosts: tuple[str, ...] = ()
    # What is not as on the hosts.
    notes: tuple[str, ...] = ()

    def addresses(self, target: Target) -> tuple[str, ...]:
        """Return where to look for such hosts; the first that answers is it."""
        if self.described is None:
            return (target.filled_in(self.address),)
        return repository_addresses(self.described, major=target.major, arch=target.arch)

    @property
    def key(self) -> str:
        """Where its key is: an address, or a file here."""
        assert self.described is not None
        return self.described.key or presets.docker_key(self.described.mirror)


def named(mirror: str, channel: str) -> AskedRepository:
    """Return Docker's own repository, or a mirror of it."""
    described = Repository(mirror=mirror, channel=channel)  # type: ignore[arg-type]
    return AskedRepository(presets.docker_packages(mirror, channel), described)


def described(configs: Mapping[str, Config], *, channel: str | None = None) -> tuple[AskedRepository, ...]:
    """Return the repositories of hosts, each once, in the order of the hosts.

    Hosts with a bundle count only where no host has a repository. `channel` goes before what is described.
    """
    online = {name: one for name, one in configs.items() if one.engine.source == "repository"}
    found: dict[str, AskedRepository] = {}
    for name, config in (online or configs).items():
        one = config.engine.repository
        if channel is not None and one.url is None:
            one = one.model_copy(update={"channel": channel})
        # Hold, priority and the like play no part in what is on offer.
        key = repr((one.url or (one.mirror, one.channel), one.key, one.fingerprints, _way(one), one.password))
        before = found.get(key) or _asked(one)
        found[key] = replace(before, hosts=(*before.hosts, name))
    return tuple(found.values())


def _way(one: Repository) -> tuple[str | None, ...]:
    return one.proxy, one.username, one.ca, one.client_cert, one.client_key


def _asked(one: Repository) -> AskedRepository:
    notes = []
    here = {}
    for name in ("ca", "client_cert", "client_key"):
        path = getattr(one, name)
        here[name] = path if path is not None and Path(path).is_file() else None
        if path is not None and here[name] is None:
            notes.append(f"{name} {path} is on the hosts and not on this machine: asked without it")
    has_both = here["client_cert"] and here["client_key"]
    proxy = urlsplit(one.proxy) if one.proxy else None
    if proxy is not None and proxy.scheme == "socks5":
        notes.append("this machine cannot use a socks5 proxy: asked without it")
        proxy = None
    access = Access(
        username=one.username,
        password=one.password,
        proxy=proxy._replace(netloc=proxy.netloc.rpartition("@")[2]).geturl() if proxy else None,
        proxy_username=unquote(proxy.username) if proxy and proxy.username else None,
        proxy_password=unquote(proxy.password) if proxy and proxy.password else None,
        ca=here["ca"],
        client_certificate=here["client_cert"] if has_both else None,
        client_key=here["client_key"] if has_both else None,
    )
    address = one.url or presets.docker_packages(one.mirror, one.channel)
    return AskedRepository(address, one, access, notes=tuple(notes))
