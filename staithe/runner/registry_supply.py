"""A host's way to its blobs when they lie in a registry: this machine finds out how to log in, the host pulls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from staithe.bundle.contents import Blob
from staithe.bundle.reference import parse
from staithe.config.transfer import Transfer
from staithe.errors import StaitheError, UsageError
from staithe.events import Notice
from staithe.registry.credentials import Login
from staithe.registry.endpoint import Settings, endpoint_of
from staithe.registry.repository import ImageRepository
from staithe.relay.origin import Origin
from staithe.runner.control import Control
from staithe.sourcing.access import Access
from staithe.sourcing.origin import Interruption

_SETTINGS = Settings(
    ca="transfer.registry_ca: FILE",
    plain_http="transfer.registry_plain_http: true",
    login="transfer.registry_user and registry_password",
)


@lru_cache(maxsize=64)
def _repository(settings: Transfer) -> ImageRepository:
    """Return the repository that all hosts with these settings pull from, so that one token serves many."""
    assert settings.registry is not None
    reference = parse(settings.registry)
    access = Access(ca=settings.registry_ca, proxy=settings.proxy, environment=False)
    # By default this machine's own registries are http; the hosts do not know what is loopback here.
    endpoint = endpoint_of(
        reference.domain, plain_http=settings.registry_plain_http, access=access, settings=_SETTINGS
    )
    login = None
    if settings.registry_user is not None and settings.registry_password is not None:
        login = Login(settings.registry_user, settings.registry_password, holder="transfer.registry_user")
    return ImageRepository(endpoint, reference.path, find=lambda host: login)


@lru_cache(maxsize=64)
def _certificate(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the certificate cannot be used: {error}", where=path) from error


class FromRegistry:
    """Hands out addresses in the registry, each with what the host says to be let in."""

    def __init__(self, control: Control, host: str, settings: Transfer) -> None:
        self._control = control
        self._host = host
        self._settings = settings
        self._gave_up = False

    def announce(self, blobs: Sequence[Blob]) -> None:
        """Do nothing: they are there since `bundle push`."""

    def wait(self, blob: Blob) -> None:
        """Do not: it is there since `bundle push`."""

    def origin(self, blob: Blob) -> Origin | None:
        """Return where the blob is; None when the registry lets nobody in."""
        if self._gave_up:
            return None
        name = f"registry {self._settings.registry}"
        try:
            repository = _repository(self._settings)
            authorization = repository.authorization.value()
            ca = _certificate(self._settings.registry_ca) if self._settings.registry_ca else ""
        except (StaitheError, Interruption) as error:
            hint = f" (try: {error.hint})" if isinstance(error, StaitheError) and error.hint else ""
            self.give_up(blob, f"{name}: {error}{hint}; blobs are sent by SSH instead")
            return None
        lines = []
        if authorization is not None:
            # Written down plainly, they are no less secret.
            for secret in (authorization.partition(" ")[2], self._settings.registry_password or ""):
                self._control.vault.add(secret)
            lines.append(f"header = {_quoted(f'Authorization: {authorization}')}")
        if self._settings.proxy is not None:
            lines.append(f"proxy = {_quoted(self._settings.proxy)}")
        return Origin(
            name=name,
            url=repository.address(f"blobs/{blob.digest}"),
            has_proxy=self._settings.proxy is not None,
            ca=ca,
            login="\n".join(lines),
        )

    def give_up(self, blob: Blob, reason: str) -> None:
        """Take the rest over SSH: what failed once is not tried again."""
        self._gave_up = True
        self._control.tell(Notice(host=self._host, text=reason))


def _quoted(value: str) -> str:
    """Return a value as curl's configuration writes it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
