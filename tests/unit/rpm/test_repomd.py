"""repomd.xml: what is read from it, and what is refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from staithe.errors import RepositoryError
from staithe.rpm.repomd import Checksum, parse
from tests.rpm_repositories import Repo, Rpm, default, module


def _repomd(tmp_path: Path, **settings: str) -> str:
    return (Repo("r", [Rpm("a")], **settings).write(tmp_path) / "repodata/repomd.xml").read_text()


def test_the_entries_and_their_checksums_are_read(tmp_path: Path) -> None:
    text = _repomd(tmp_path, modules=module("m", "1", [], {}) + default("m", "1"))
    table = parse(text.encode(), "r")
    assert table.revision == "1700000000" and table.timestamp == 1700000000
    assert [entry.kind for entry in table.entries] == ["primary", "filelists", "modules"]
    assert table.primary.checksum == Checksum("sha256", table.primary.href.split("/")[1].split("-")[0])
    assert table.primary.size_bytes == (tmp_path / "r" / table.primary.href).stat().st_size
    assert table.primary.open_size_bytes and table.primary.open_checksum


def test_a_repository_may_lack_what_is_not_needed(tmp_path: Path) -> None:
    head, _, rest = _repomd(tmp_path).partition('<data type="filelists">')
    table = parse((head + rest.partition("</data>")[2]).encode(), "r")
    assert table.filelists is None and table.modules is None


def test_a_timestamp_may_have_a_fraction(tmp_path: Path) -> None:
    text = _repomd(tmp_path).replace("<timestamp>1700000000<", "<timestamp>1700000001.37<")
    assert parse(text.encode(), "r").timestamp == 1700000001


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE repomd [
 <!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>&c;</revision></repomd>"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: LAUGHS, "no metadata of a repository"),
        (lambda text: "<html><body>404", "no metadata of a repository"),
        (lambda text: "", "no metadata of a repository"),
        (lambda text: text[:400], "no XML"),
        (lambda text: text + " " * (1 << 20), "too large"),
        (lambda text: text.replace('"primary"', '"primary_zck"'), "zchunk"),
        (lambda text: text.replace('"primary"', '"primary_db"'), "no list of packages"),
        (lambda text: text.replace('checksum type="sha256"', 'checksum type="md5"'), "can be forged"),
        (lambda text: text.replace('checksum type="sha256"', 'checksum type="sha"'), "can be forged"),
        (lambda text: text.replace('type="sha256">', 'type="sha256">xyz'), "no sha256 checksum"),
        (lambda text: text.replace('href="repodata/', 'href="../../etc/'), "no path inside"),
        (lambda text: text.replace('href="repodata/', 'href="/etc/'), "no path inside"),
        (lambda text: text.replace('href="repodata/', 'href="http://other/'), "no path inside"),
        (lambda text: text.replace('href="repodata/', 'href="a/%2E%2e/b/'), "no path inside"),
        (lambda text: text.replace("<size>", "<size>-"), "no number"),
    ],
)
def test_what_must_not_be_believed_is_refused(tmp_path: Path, change, words: str) -> None:
    with pytest.raises(RepositoryError) as caught:
        parse(change(_repomd(tmp_path)).encode(), "docker-ce: repodata/repomd.xml")
    assert words in str(caught.value) and str(caught.value).startswith("docker-ce: repodata/repomd.xml")


def test_a_long_name_takes_no_time(tmp_path: Path) -> None:
    text = _repomd(tmp_path).replace('href="repodata/', f'href="{"a/" * 400_000}')
    began = time.monotonic()
    with pytest.raises(RepositoryError):
        parse(text.encode(), "r")
    assert time.monotonic() - began < 2
