"""Where a host gets a blob from when it does not come over SSH."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from staithe.bundle.contents import Blob


@dataclass(frozen=True)
class Origin:
    """A place that has a blob. Nobody trusts it: what comes from there is used only when its sha256 is right."""

    name: str  # as a person knows it: "relay h1", "registry registry.example.com/site"
    # Of the blob: one of the two.
    url: str = ""
    path: str = ""  # a file on the host itself, which is the relay
    has_proxy: bool = False  # named in `login`
    ca: str = ""  # PEM; empty: whom the host trusts
    # Lines of curl's own configuration that may hold a login; they reach the host on stdin alone.
    login: str = ""


class Supply(Protocol):
    """A host's way to its blobs."""

    def announce(self, blobs: Sequence[Blob]) -> None:
        """Say which blobs the host will ask for, so that they are made ready meanwhile."""

    def wait(self, blob: Blob) -> None:
        """Wait until the blob can be had; the host has no turn to receive meanwhile."""

    def origin(self, blob: Blob) -> Origin | None:
        """Return where the blob can be had now; None when it comes over SSH."""

    def give_up(self, blob: Blob, reason: str) -> None:
        """Take the rest over SSH, and say why."""


class OverSsh:
    """No other way."""

    def announce(self, blobs: Sequence[Blob]) -> None:
        """Do nothing: nobody has to get ready."""

    def wait(self, blob: Blob) -> None:
        """Do not: it is here."""

    def origin(self, blob: Blob) -> Origin | None:
        """Return None: it comes over SSH."""
        return None

    def give_up(self, blob: Blob, reason: str) -> None:
        """Do nothing: there is nothing to give up."""
