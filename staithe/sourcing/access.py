"""How to reach a server: login, proxy, certificates. The one place that makes HTTP clients."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from staithe import __version__
from staithe.errors import SecretMissing, UsageError
from staithe.secret import Secret
from staithe.sourcing.description import RepositoryWish
from staithe.sourcing.server_wish import ConnectionWish, SecretRef, ServerWish

if TYPE_CHECKING:
    import httpx

    from staithe.registry.authorization import Authorization

_TIMEOUT_S = 30.0
_PIECE_BYTES = 1 << 18
_MAX_REDIRECTS = 5


@dataclass(frozen=True)
class Access:
    """A way to a server. Passwords are not part of what is shown."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    proxy: str | None = None
    proxy_username: str | None = None
    proxy_password: str | None = field(default=None, repr=False)
    ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    # Media types that are wanted, where the server has a thing in several.
    accept: str | None = None
    # Whether the proxies that the environment names are used, where none is given.
    environment: bool = True
    # Of a repository in a registry of images, which wants to see something else than a password.
    authorization: Authorization | None = field(default=None, repr=False)


def access_of(wish: ServerWish, folder: Path) -> Access:
    """Return the way to a server, its secrets revealed; relative paths start at `folder`. Raises SecretMissing."""
    password = _reveal(wish.password, folder)
    return replace(connection_of(wish, folder), username=wish.username, password=password)


def connection_of(wish: ConnectionWish, folder: Path) -> Access:
    """Return the way to a server without a login: that of a registry is found when it asks for one."""
    return Access(
        proxy=wish.proxy,
        proxy_username=wish.proxy_username,
        proxy_password=_reveal(wish.proxy_password, folder),
        ca=_path(wish.ca, folder),
        client_certificate=_path(wish.client_certificate, folder),
        client_key=_path(wish.client_key, folder),
    )


def key_access_of(repository: RepositoryWish, address: str, folder: Path) -> Access:
    """Return the way to a key of a repository: without its login where another server has the key."""
    return for_key(access_of(repository, folder), repository.address, address)


def for_key(access: Access, repository: str, key: str) -> Access:
    """Return the way to the key at one address, from the way to the repository at the other."""
    if _server(key) == _server(repository):
        return access
    return replace(access, username=None, password=None, client_certificate=None, client_key=None)


def open_client(access: Access) -> httpx.Client:
    """Make an HTTP client; it follows redirections, but never from https to http. Raises UsageError."""
    import httpcore
    import httpx

    # What is read at once. Each piece costs the same, and httpcore's own 64 KiB are many: 0.1 s for 200 MiB.
    httpcore.HTTP11Connection.READ_NUM_BYTES = _PIECE_BYTES

    def refuse_downgrade(answer: httpx.Response) -> None:
        target = answer.next_request.url if answer.next_request is not None else None
        if target is not None and answer.url.scheme == "https" and target.scheme != "https":
            raise UsageError("the server leads from https to http", where=str(answer.url), found=str(target))

    return httpx.Client(
        auth=httpx.BasicAuth(access.username, access.password or "") if access.username is not None else None,
        proxy=_proxy(access),
        trust_env=access.environment,
        verify=_context(access),
        follow_redirects=True,
        max_redirects=_MAX_REDIRECTS,
        timeout=_TIMEOUT_S,
        # The file as it is: no content encoding on the way.
        headers={
            "User-Agent": f"staithe/{__version__}",
            "Accept-Encoding": "identity",
            "Accept": access.accept or "*/*",
        },
        event_hooks={"response": [refuse_downgrade]},
        limits=httpx.Limits(max_connections=16, max_keepalive_connections=16),
    )


def _proxy(access: Access) -> httpx.Proxy | None:
    import httpx

    if access.proxy is None:
        return None
    login = (access.proxy_username, access.proxy_password or "") if access.proxy_username is not None else None
    return httpx.Proxy(access.proxy, auth=login)


def _context(access: Access) -> ssl.SSLContext:
    where = access.ca or access.client_certificate or ""
    try:
        # Without a CA given: the system's own, not those of a Python package; a site's CA is installed there.
        context = ssl.create_default_context(cafile=access.ca)
        if access.client_certificate is not None:
            where = access.client_certificate
            context.load_cert_chain(access.client_certificate, access.client_key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"the certificate cannot be used: {error}", where=where) from error
    return context


def _server(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()


def _path(path: str | None, folder: Path) -> str | None:
    return None if path is None else str(folder.absolute() / Path(path).expanduser())


def _reveal(reference: SecretRef | None, folder: Path) -> str | None:
    if reference is None:
        return None
    if reference.from_file is not None:
        return Secret("from_file", _path(reference.from_file, folder) or "").reveal(_never)
    return Secret("from_env", reference.from_env or "").reveal(_never)


def _never(prompt: str) -> str:
    raise SecretMissing(prompt)
