"""Reads an RPM package file: lead, signature header, header, payload (rpm's docs/manual/format.md, versions 3 to 6).

Only what a check of where it comes from needs. The signature header is no one's word: nothing else is taken from it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from staithe.errors import PackageRefused
from staithe.rpm.nevra import Nevra

_LEAD_BYTES = 96
_LEAD_MAGIC = b"\xed\xab\xee\xdb"
_HEADER_MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"
_INTRO = struct.Struct(">8sII")
_ENTRY = struct.Struct(">IIII")
# rpm's own limits are larger; the largest header of a distribution (kernel-devel) has 4 MiB.
_MAX_HEADER_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20

_TAG_NAME, _TAG_VERSION, _TAG_RELEASE, _TAG_EPOCH, _TAG_ARCH = 1000, 1001, 1002, 1003, 1022
_TAG_PAYLOAD_DIGEST, _TAG_PAYLOAD_DIGEST_ALGORITHM = 5092, 5093
# Of the signature header: the header's digest, which rpm compares it with.
_SIGNATURE_SHA256 = 273
# The first two and the third sign the header, the last two header and payload together.
_SIGNATURE_DSA, _SIGNATURE_RSA, _SIGNATURE_OPENPGP = 267, 268, 278
_SIGNATURE_PGP, _SIGNATURE_GPG = 1002, 1005
_INT32, _STRING, _BINARY, _STRING_ARRAY, _I18N = 4, 6, 7, 8, 9
_SHA256 = 8


@dataclass(frozen=True)
class PackageHead:
    """What stands before a package's payload."""

    name: str
    # None: the package has none, which counts as 0.
    epoch: int | None
    version: str
    release: str
    arch: str
    # Bytes that the header signatures sign.
    header: bytes
    header_signatures: tuple[bytes, ...]
    # Older packages have no payload digest, but signatures over header and payload.
    whole_signatures: tuple[bytes, ...]
    payload_sha256: str | None
    # Whether rpm has a SHA-256 of the header to compare; packages of EL 7 and before have none.
    has_header_sha256: bool
    # Where in the file the payload begins.
    payload_start: int

    @property
    def nevra(self) -> str:
        return str(Nevra(self.name, self.epoch or 0, self.version, self.release, self.arch))


def read_head(stream: IO[bytes], where: str) -> PackageHead:
    """Read everything before the payload, and leave `stream` at its first byte; raises PackageRefused."""
    lead = stream.read(_LEAD_BYTES)
    if len(lead) < _LEAD_BYTES or not lead.startswith(_LEAD_MAGIC):
        raise PackageRefused("this is no RPM package", where=where, found=repr(lead[:8]))
    signature_header, signatures = _read_header(stream, where)
    padding = -len(signature_header) % 8
    _exactly(stream, padding, where)
    header, tags = _read_header(stream, where)
    try:
        return PackageHead(
            name=_text(tags[_TAG_NAME]),
            epoch=tags.get(_TAG_EPOCH, [None])[0],
            version=_text(tags[_TAG_VERSION]),
            release=_text(tags[_TAG_RELEASE]),
            arch=_text(tags[_TAG_ARCH]),
            header=header,
            header_signatures=tuple(_header_signatures(signatures)),
            whole_signatures=tuple(
                value for tag in (_SIGNATURE_PGP, _SIGNATURE_GPG) if isinstance(value := signatures.get(tag), bytes)
            ),
            payload_sha256=_payload_sha256(tags),
            has_header_sha256=bool(signatures.get(_SIGNATURE_SHA256)),
            payload_start=_LEAD_BYTES + len(signature_header) + padding + len(header),
        )
    except (KeyError, IndexError, TypeError, UnicodeDecodeError, binascii.Error) as error:
        raise PackageRefused(f"the package's header is damaged: {error}", where=where) from error


def payload_sha256(stream: IO[bytes]) -> str:
    """Return the digest of what is left of `stream`, in hex."""
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _header_signatures(tags: dict[int, Any]) -> Iterator[bytes]:
    for tag in (_SIGNATURE_RSA, _SIGNATURE_DSA):
        if isinstance(tags.get(tag), bytes):
            yield tags[tag]
    for text in tags.get(_SIGNATURE_OPENPGP, []):
        yield base64.b64decode(text, validate=True)


def _payload_sha256(tags: dict[int, Any]) -> str | None:
    if _TAG_PAYLOAD_DIGEST not in tags or tags.get(_TAG_PAYLOAD_DIGEST_ALGORITHM) != [_SHA256]:
        return None
    return _text(tags[_TAG_PAYLOAD_DIGEST])


def _read_header(stream: IO[bytes], where: str) -> tuple[bytes, dict[int, Any]]:
    """Return a header's bytes, and its values by tag: texts and numbers as lists, binaries as bytes."""
    intro = _exactly(stream, _INTRO.size, where)
    magic, count, size = _INTRO.unpack(intro)
    if magic != _HEADER_MAGIC or count * _ENTRY.size + size > _MAX_HEADER_BYTES:
        raise PackageRefused("the package's header is damaged", where=where, found=f"{count} entries, {size} bytes")
    index = _exactly(stream, count * _ENTRY.size, where)
    store = _exactly(stream, size, where)
    tags: dict[int, Any] = {}
    for tag, kind, offset, number in _ENTRY.iter_unpack(index):
        # The first of two wins, as with rpm's own search in a sorted index; a second NAME is no way around a check.
        if tag not in tags and (value := _value(kind, offset, number, store)) is not None:
            tags[tag] = value
    return intro + index + store, tags


def _value(kind: int, offset: int, number: int, store: bytes) -> Any:
    if kind == _BINARY:
        return store[offset : offset + number]
    if kind == _INT32:
        return list(struct.unpack_from(f">{number}I", store, offset)) if offset + 4 * number <= len(store) else None
    if kind in (_STRING, _STRING_ARRAY, _I18N):
        # The last texts of a list are of no interest; a header may claim any number of them.
        parts = store[offset:].split(b"\0", min(number, 64))
        return parts[: min(number, len(parts) - 1)]
    return None


def _text(value: list[bytes]) -> str:
    return value[0].decode("utf-8")


def _exactly(stream: IO[bytes], size: int, where: str) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise PackageRefused("the package is cut short", where=where)
    return content
