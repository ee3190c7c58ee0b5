"""Places that have images by digest: repositories of registries, or their mirrors, and folders of OCI layouts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from staithe.bundle.layout import blob_name
from staithe.bundle.reference import Reference
from staithe.registry.credentials import find_login
from staithe.registry.endpoint import Endpoint, endpoint_of
from staithe.registry.repository import MANIFEST_LIMIT_BYTES, ImageRepository
from staithe.sourcing.access import connection_of
from staithe.sourcing.download import Wanted
from staithe.sourcing.image_wish import RegistryWish


class ImageSource(Protocol):
    """Where manifests and blobs are."""

    def manifest_file(self, reference: str, size: int | None = None) -> Wanted:
        """Return a manifest or index as a file to fetch."""

    def blob_file(self, digest: str, size: int) -> Wanted:
        """Return a blob as a file to fetch."""


@dataclass(frozen=True)
class LayoutSource:
    """A folder with an OCI image layout."""

    folder: Path

    def manifest_file(self, reference: str, size: int | None = None) -> Wanted:
        path = str(self.folder / blob_name(reference))
        return Wanted(path, reference.removeprefix("sha256:"), size, limit_bytes=MANIFEST_LIMIT_BYTES)

    def blob_file(self, digest: str, size: int) -> Wanted:
        return Wanted(str(self.folder / blob_name(digest)), digest.removeprefix("sha256:"), size)


class Registries:
    """The registries as bundle.toml says they are reached. Relative paths start at `folder`."""

    def __init__(self, wishes: Sequence[RegistryWish], folder: Path) -> None:
        self._wishes = {one.host: one for one in wishes}
        self._folder = folder
        self._open: dict[str, ImageRepository] = {}
        # Some helpers ask a person each time.
        self._find = cache(find_login)
        self._stack = ExitStack()

    def __enter__(self) -> Registries:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def repository(self, reference: Reference) -> ImageRepository:
        """Return the repository that a reference is in: that of the mirror, where the registry has one."""
        if reference.name not in self._open:
            wish = self._wishes.get(reference.domain)
            host, _, prefix = (wish.mirror if wish and wish.mirror else reference.domain).partition("/")
            path = f"{prefix}/{reference.path}" if prefix else reference.path
            self._open[reference.name] = self._stack.enter_context(
                ImageRepository(self._endpoint(host), path, find=self._find)
            )
        return self._open[reference.name]

    def _endpoint(self, host: str) -> Endpoint:
        wish = self._wishes.get(host)
        if wish is None:
            return endpoint_of(host)
        return endpoint_of(host, plain_http=wish.plain_http, access=connection_of(wish, self._folder))
