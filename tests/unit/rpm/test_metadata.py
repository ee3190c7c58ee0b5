"""Files of metadata on their way to the solver: every packing, and every way to be wrong."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
from pathlib import Path

import pytest

from staithe.errors import RepositoryError
from staithe.rpm.metadata import check, descriptor
from staithe.rpm.repomd import Checksum, Entry
from tests.rpm_repositories import packed

CONTENT = b"<?xml version='1.0'?>\n<metadata>" + b"x" * 3_000_000 + b"</metadata>\n"


def _entry(blob: bytes, content: bytes = CONTENT) -> Entry:
    return Entry(
        "primary",
        "repodata/primary.xml",
        Checksum("sha256", hashlib.sha256(blob).hexdigest()),
        len(blob),
        Checksum("sha256", hashlib.sha256(content).hexdigest()),
        len(content),
    )


def _read(path: Path, entry: Entry) -> bytes:
    with descriptor(path, entry, "r: primary") as handle, os.fdopen(os.dup(handle), "rb") as stream:
        return stream.read()


@pytest.mark.parametrize("packing", ["gz", "xz", "bz2", "zst", "none"])
def test_each_packing_is_read(tmp_path: Path, packing: str) -> None:
    blob = CONTENT if packing == "none" else packed(CONTENT, packing)
    path = tmp_path / "primary"  # what it is packed with is seen from the content, not from the name
    path.write_bytes(blob)
    check(path, _entry(blob), "r: primary")
    assert _read(path, _entry(blob)) == CONTENT


@pytest.mark.parametrize("packing", ["gz", "xz", "bz2", "zst"])
def test_several_frames_in_a_row_are_one_file(tmp_path: Path, packing: str) -> None:
    blob = packed(CONTENT[:1000], packing) + packed(CONTENT[1000:], packing)
    (tmp_path / "primary").write_bytes(blob)
    assert _read(tmp_path / "primary", _entry(blob)) == CONTENT


@pytest.mark.parametrize("packing", ["gz", "xz", "bz2", "zst"])
def test_a_truncated_file_is_refused_even_when_its_checksum_is_right(tmp_path: Path, packing: str) -> None:
    blob = packed(CONTENT, packing)[:-20]
    (tmp_path / "primary").write_bytes(blob)
    with pytest.raises(RepositoryError, match="unpacked"):
        _read(tmp_path / "primary", _entry(blob))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"checksum": Checksum("sha256", "0" * 64)}, "its checksum is not"),
        ({"size_bytes": 1}, "its size is not"),
        ({"open_checksum": Checksum("sha512", "0" * 128)}, "checksum when unpacked"),
        ({"open_size_bytes": len(CONTENT) + 1}, "size when unpacked"),
        ({"open_size_bytes": len(CONTENT) - 1}, "more than it should"),
    ],
)
def test_what_differs_from_repomd_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    blob = packed(CONTENT, "gz")
    (tmp_path / "primary").write_bytes(blob)
    with pytest.raises(RepositoryError, match=words):
        _read(tmp_path / "primary", dataclasses.replace(_entry(blob), **change))


def test_a_bomb_ends_early(tmp_path: Path) -> None:
    blob = gzip.compress(b"<metadata>" + bytes(300 << 20), 9)
    (tmp_path / "primary").write_bytes(blob)
    entry = dataclasses.replace(_entry(blob), open_checksum=None, open_size_bytes=None)
    with pytest.raises(RepositoryError, match="more than it should"):
        _read(tmp_path / "primary", entry)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE metadata [<!ENTITY a 'b'>]><metadata>&a;</metadata>", "no metadata"),
        (b"<?xml version='1.0'?><!-- <metadata --><!DOCTYPE x [<!ENTITY a 'b'>]><metadata>", "no metadata"),
        ("<metadata></metadata>".encode("utf-16"), "no metadata"),
        (b"", "no metadata"),
        (b"\0ZCK1 and so on", "zchunk"),
        (b"\x1f\x8b garbage that is no gzip", "cannot be unpacked"),
        (b"(\xb5/\xfd garbage that is no zstd", "cannot be unpacked"),
        (b"\xfd7zXZ\0 garbage", "cannot be unpacked"),
        (b"BZh garbage", "cannot be unpacked"),
    ],
)
def test_what_is_no_metadata_never_reaches_the_parser(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "primary").write_bytes(content)
    with pytest.raises(RepositoryError, match=words):
        _read(tmp_path / "primary", _entry(content, content))


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="cannot be read"):
        check(tmp_path / "primary", _entry(b""), "r: primary")
