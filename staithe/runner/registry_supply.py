"""A host's way to its blobs when they lie in a registry: this machine finds out how to log in, the host pulls."""

from __future__ import annotations

import threading
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


class _Door:
    """What all hosts of a run share that pull from one repository: a token for many, or why nobody gets in."""

    def __init__(self, settings: Transfer) -> None:
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
        self.repository = ImageRepository(endpoint, reference.path, find=lambda host: login)
        self._ca = settings.registry_ca
        self._guard = threading.Lock()
        self._failure: StaitheError | Interruption | None = None

    def enter(self) -> tuple[str | None, str]:
        """Return the header Authorization, if one is wanted, and the certificate of the registry's own authority.

        Raises StaitheError, Interruption; from then on the same at once, so that no host waits for what another
        waited for in vain.
        """
        with self._guard:
            if self._failure is not None:
                raise self._failure.with_traceback(None)
            try:
                return self.repository.authorization.value(), _certificate(self._ca) if self._ca else ""
            except (StaitheError, Interruption) as error:
                self._failure = error
                raise


@lru_cache(maxsize=64)
def _door(control: Control, settings: Transfer) -> _Door:
    """Return the door of a run for these settings."""
    return _Door(settings)


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
        self._name = f"registry {settings.registry}"
        self._gave_up = False

    def announce(self, blobs: Sequence[Blob]) -> None:
        """Do nothing: they are there since `bundle push`."""

    def wait(self, blob: Blob) -> None:
        """Find out whether the registry lets anybody in: one that does not answer costs no turn to receive."""
        self._enter(blob)

    def origin(self, blob: Blob) -> Origin | None:
        """Return where the blob is; None when the registry lets nobody in."""
        entered = self._enter(blob)
        if entered is None:
            return None
        repository, authorization, ca = entered
        lines = []
        if authorization is not None:
            # Written down plainly, they are no less secret.
            for secret in (authorization.partition(" ")[2], self._settings.registry_password or ""):
                self._control.vault.add(secret)
            lines.append(f"header = {_quoted(f'Authorization: {authorization}')}")
        if self._settings.proxy is not None:
            lines.append(f"proxy = {_quoted(self._settings.proxy)}")
        return Origin(
            name=self._name,
            url=repository.address(f"blobs/{blob.digest}"),
            has_proxy=self._settings.proxy is not None,
            ca=ca,
            login="\n".join(lines),
        )

    def _enter(self, blob: Blob) -> tuple[ImageRepository, str | None, str] | None:
        if self._gave_up:
            return None
        try:
            door = _door(self._control, self._settings)
            return (door.repository, *door.enter())
        except (StaitheError, Interruption) as error:
            hint = f" (try: {error.hint})" if isinstance(error, StaitheError) and error.hint else ""
            self.give_up(blob, f"{self._name}: {error}{hint}; blobs are sent by SSH instead")
            return None

    def give_up(self, blob: Blob, reason: str) -> None:
        """Take the rest over SSH: what failed once is not tried again."""
        self._gave_up = True
        self._control.tell(Notice(host=self._host, text=reason))


def _quoted(value: str) -> str:
    """Return a value as curl's configuration writes it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
