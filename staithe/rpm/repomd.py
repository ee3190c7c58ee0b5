"""repomd.xml: which metadata a repository has, and what they must hash to."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from staithe.errors import RepositoryError
from staithe.rpm.compression import AGAIN, zchunk

# Honest ones have some kilobytes.
SIZE_LIMIT_BYTES = 1 << 20
_NAMESPACE = "{http://linux.duke.edu/metadata/repo}"
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
# What a path in a repository may look like; it becomes part of addresses and of file names.
_HREF = re.compile(r"(?!/)(?!.*(?:^|/)\.\.?(?:/|$))(?!.*%2[ef])[a-z0-9_+~^.,@:=%/-]+", re.ASCII | re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True)
class Checksum:
    """A digest and its kind: sha256, sha384 or sha512."""

    kind: str
    hex: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.hex}"


@dataclass(frozen=True)
class Entry:
    """One file of metadata, packed as it is downloaded."""

    kind: str
    href: str
    checksum: Checksum
    size_bytes: int | None
    open_checksum: Checksum | None
    open_size_bytes: int | None


@dataclass(frozen=True)
class Repomd:
    """A repository's table of contents.

    `revision` is what its maker set, often the time; `timestamp` the newest time of its entries, 0 without any.
    """

    revision: str
    timestamp: int
    primary: Entry
    filelists: Entry | None
    modules: Entry | None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return what has to be downloaded."""
        return tuple(entry for entry in (self.primary, self.filelists, self.modules) if entry is not None)


def parse(content: bytes, where: str) -> Repomd:
    """Read repomd.xml; raises RepositoryError for what is none, or has checksums that prove nothing."""
    if len(content) > SIZE_LIMIT_BYTES:
        raise RepositoryError("repomd.xml is too large", where=where, expected=f"{SIZE_LIMIT_BYTES} bytes at most")
    require_root(content, b"<repomd", where)
    try:
        root = ET.fromstring(content)  # noqa: S314 - has no DOCTYPE, so no entities of its own
    except ET.ParseError as error:
        raise RepositoryError(f"repomd.xml is no XML: {error}", where=where, hint=AGAIN) from error
    known: dict[str, ET.Element] = {}
    for element in root.findall(f"{_NAMESPACE}data"):
        known.setdefault(element.get("type", ""), element)
    entries: dict[str, Entry | None] = {}
    for kind in ("primary", "filelists", "modules"):
        if kind not in known and f"{kind}_zck" in known:
            raise zchunk(where)
        entries[kind] = _entry(kind, known[kind], where) if kind in known else None
    primary = entries["primary"]
    if primary is None:
        raise RepositoryError("repomd.xml names no list of packages", where=where, expected='<data type="primary">')
    times = [_number(element, "timestamp", where) or 0 for element in known.values()]
    return Repomd(
        revision=(root.findtext(f"{_NAMESPACE}revision") or "").strip(),
        timestamp=max(times),
        primary=primary,
        filelists=entries["filelists"],
        modules=entries["modules"],
    )


def require_root(head: bytes, root: bytes, where: str) -> None:
    """Refuse a document whose root is not at its very beginning.

    Only a DOCTYPE before the root can define entities, and with them a document that grows without end.
    """
    before, found, _ = head[:4096].removeprefix(b"\xef\xbb\xbf").partition(root)
    prolog = re.sub(rb"<\?xml[^<>]*\?>|<!--[^<>]*-->", b"", before).strip()
    if not found or prolog:
        raise RepositoryError(
            "these are no metadata of a repository",
            where=where,
            found=head[:60].decode("utf-8", "replace"),
            expected=f"{root.decode()} ...>",
            hint=AGAIN,
        )


def safe_href(href: str, where: str) -> str:
    """Return a path inside the repository; raises RepositoryError for one that leads out of it."""
    if len(href) > 1024 or not _HREF.fullmatch(href) or _SCHEME.match(href):
        raise RepositoryError("this is no path inside the repository", where=where, found=repr(href[:200]))
    return href


def _entry(kind: str, element: ET.Element, where: str) -> Entry:
    location = element.find(f"{_NAMESPACE}location")
    href = location.get("href", "") if location is not None else ""
    packed = element.find(f"{_NAMESPACE}checksum")
    opened = element.find(f"{_NAMESPACE}open-checksum")
    if packed is None:
        raise RepositoryError(f"repomd.xml has no checksum of {kind}", where=where, hint=AGAIN)
    return Entry(
        kind=kind,
        href=safe_href(href, f"{where}: {kind}"),
        checksum=_checksum(packed, f"{where}: {kind}"),
        size_bytes=_number(element, "size", where),
        open_checksum=_checksum(opened, f"{where}: {kind}") if opened is not None else None,
        open_size_bytes=_number(element, "open-size", where),
    )


def _checksum(element: ET.Element, where: str) -> Checksum:
    return checksum(element.get("type", ""), (element.text or "").strip(), where)


def checksum(kind: str, digits: str, where: str) -> Checksum:
    """Return a checksum; raises RepositoryError for a kind that can be forged, or digits that are none of it."""
    if kind not in _DIGITS:
        raise RepositoryError(
            "its checksums can be forged",
            where=where,
            found=kind or "no type",
            expected=" or ".join(_DIGITS),
            hint="make the metadata again with `createrepo_c --checksum sha256 FOLDER`",
        )
    if not re.fullmatch(rf"[0-9a-f]{{{_DIGITS[kind]}}}", digits):
        raise RepositoryError(f"this is no {kind} checksum", where=where, found=repr(digits[:200]), hint=AGAIN)
    return Checksum(kind, digits)


def _number(element: ET.Element, name: str, where: str) -> int | None:
    text = element.findtext(f"{_NAMESPACE}{name}")
    if text is None:
        return None
    # Some repositories write times with a fraction.
    match = re.fullmatch(r"\s*([0-9]{1,15})(?:\.[0-9]*)?\s*", text, re.ASCII)
    if match is None:
        raise RepositoryError(f"<{name}> is no number", where=where, found=repr(text[:100]))
    return int(match[1])
