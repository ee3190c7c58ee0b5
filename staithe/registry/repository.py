"""One repository of a registry: which files to fetch from it, and small questions to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from staithe.bundle.layout import IMAGE_MANIFEST_TYPES, INDEX_TYPES
from staithe.errors import RegistryError
from staithe.registry.authorization import Authorization, FindLogin
from staithe.registry.credentials import find_login
from staithe.registry.endpoint import Endpoint
from staithe.registry.exchange import Answer, exchange
from staithe.sourcing.access import open_client
from staithe.sourcing.download import Wanted

if TYPE_CHECKING:
    import httpx

MANIFEST_LIMIT_BYTES = 4 << 20
# Of everything that names an image; without this header registries answer as if asked for schema 1.
MANIFEST_TYPES = (*INDEX_TYPES, *IMAGE_MANIFEST_TYPES)


class ImageRepository:
    """A repository by its name in the registry (library/busybox). For several threads."""

    def __init__(
        self, endpoint: Endpoint, name: str, actions: Sequence[str] = ("pull",), find: FindLogin = find_login
    ) -> None:
        self.endpoint = endpoint
        self.name = name
        self.authorization = Authorization(endpoint, name, actions, find)
        self._access = replace(endpoint.access, authorization=self.authorization)
        self._client: httpx.Client | None = None

    def __enter__(self) -> ImageRepository:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self.authorization.close()
        if self._client is not None:
            self._client.close()

    def manifest_file(self, reference: str, size: int | None = None) -> Wanted:
        """Return the manifest or index of a tag, or of a digest, as a file to fetch."""
        return Wanted(
            self.address(f"manifests/{reference}"),
            reference.removeprefix("sha256:") if reference.startswith("sha256:") else None,
            size,
            replace(self._access, accept=", ".join(MANIFEST_TYPES)),
            limit_bytes=MANIFEST_LIMIT_BYTES,
        )

    def blob_file(self, digest: str, size: int) -> Wanted:
        """Return a blob as a file to fetch."""
        return Wanted(self.address(f"blobs/{digest}"), digest.removeprefix("sha256:"), size, self._access)

    def manifest_digest(self, reference: str) -> str | None:
        """Return the digest that the registry says a tag (or digest) has; None where it has no such manifest.

        Raises RegistryError, Interruption.
        """
        answer = self.send("HEAD", f"manifests/{reference}", headers={"Accept": ", ".join(MANIFEST_TYPES)})
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self.unexpected(answer, f"manifests/{reference}")
        return answer.headers.get("docker-content-digest")

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Answer:
        """Send a request about this repository, authorized, and return the answer whatever its status.

        `path`: below /v2/NAME/, or a whole address of this registry (an upload's Location). Before a body that cannot
        be sent twice (`content` as an iterator), ask something small: it makes sure of the authorization.
        Raises RegistryError, Interruption.
        """
        url = path if path.startswith(self.endpoint.url + "/") else self.address(path)
        if self._client is None:
            self._client = open_client(self.endpoint.access)
        while True:
            value = self.authorization.value()
            given = {**(headers or {}), **({"Authorization": value} if value is not None else {})}
            answer = exchange(self._client, self.endpoint, method, url, headers=given, **options)
            if answer.status != 401 or answer.is_redirected:
                return answer
            self.authorization.refused(value, answer.headers.get("www-authenticate", ""))

    def address(self, path: str) -> str:
        """Return the address of something of this repository."""
        return f"{self.endpoint.url}/v2/{self.name}/{path}"

    def unexpected(self, answer: Answer, path: str) -> RegistryError:
        """Make the error for an answer with another status than the expected one."""
        if answer.status == 403:
            return self.authorization.denied("status 403")
        return RegistryError(f"the registry answered with status {answer.status}", where=self.address(path))
