"""Image references: the short form that people type, and the full one that registries and annotations use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from staithe.errors import BundleError

_DEFAULT_DOMAIN = "docker.io"
_DEFAULT_NAMESPACE = "library"
# distribution/reference.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:({_DOMAIN})/)?({_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?"
)
# docker refuses longer names.
_LIMIT = 512


@dataclass(frozen=True)
class Reference:
    """An image by its name in a registry, and by a tag, a digest or both."""

    domain: str  # docker.io, registry.example.com:5000
    path: str  # library/busybox
    tag: str | None = None
    digest: str | None = None  # sha256:...

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.path}"

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(reference: str) -> Reference:
    """Return what a reference says, its domain and namespace filled in; raises BundleError for what is none."""
    match = _REFERENCE.fullmatch(reference) if len(reference) <= _LIMIT else None
    if match is None:
        raise BundleError("this is no image reference", found=repr(reference[:200]), expected="NAME:TAG")
    domain, path, tag, digest = match.groups()
    if domain is not None and not _is_domain(domain):
        domain, path = None, f"{domain}/{path}"
    if domain is None or domain == f"index.{_DEFAULT_DOMAIN}":
        domain = _DEFAULT_DOMAIN
    if domain == _DEFAULT_DOMAIN and "/" not in path:
        path = f"{_DEFAULT_NAMESPACE}/{path}"
    return Reference(domain, path, tag, digest)


def full(reference: str) -> str:
    """Return `reference` with its domain and namespace: busybox:1.35 -> docker.io/library/busybox:1.35.

    Raises BundleError for what is no NAME:TAG: images of a bundle are named by tag.
    """
    parsed = parse(reference)
    if parsed.tag is None or parsed.digest is not None:
        raise BundleError("this is no image reference", found=repr(reference[:200]), expected="NAME:TAG")
    return str(parsed)


def familiar(reference: str) -> str:
    """Return `reference` as `docker images` prints it, without docker.io/ and library/."""
    path = full(reference).removeprefix(f"{_DEFAULT_DOMAIN}/")
    short = path.removeprefix(f"{_DEFAULT_NAMESPACE}/")
    return path if "/" in short else short


def _is_domain(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost" or first != first.lower()
