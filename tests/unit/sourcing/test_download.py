"""Downloads from a real server that cuts, refuses, lies; what is on disk is hashed with hashlib."""

from __future__ import annotations

import hashlib
import inspect
import random
from collections.abc import Iterator
from pathlib import Path

import httpcore
import pytest

from staithe.errors import DownloadFailed, UsageError
from staithe.sourcing import download, origin
from staithe.sourcing.access import Access
from staithe.sourcing.download import Downloader, Fetched, Wanted
from staithe.sourcing.download_cache import DownloadCache
from tests.file_server import FileServer, file_server

CONTENT = random.Random(4).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PAUSES_S", (0.0, 0.0, 0.0, 0.0))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as served:
        served.files["/a"] = CONTENT
        yield served


@pytest.fixture
def cache(tmp_path: Path) -> DownloadCache:
    return DownloadCache(tmp_path / "cache")


def wanted(server: FileServer, path: str = "/a", **more: object) -> Wanted:
    return Wanted(server.url + path, **{"sha256": SHA256, "size": len(CONTENT), **more})  # type: ignore[arg-type]


def fetch(cache: DownloadCache, one: Wanted, *, offline: bool = False) -> Fetched:
    with Downloader(cache, offline=offline) as downloader:
        return downloader.fetch(one)


def test_a_file_comes_once(server: FileServer, cache: DownloadCache) -> None:
    got = fetch(cache, wanted(server))
    assert (got.path.read_bytes(), got.received) == (CONTENT, len(CONTENT))
    again = fetch(cache, wanted(server))
    assert (again.path, again.received, len(server.requests)) == (got.path, 0, 1)
    assert fetch(cache, wanted(server), offline=True).path == got.path


def test_servers_are_read_in_large_pieces(server: FileServer, cache: DownloadCache) -> None:
    """By a setting of httpcore's that no other name may take the place of."""
    assert isinstance(vars(httpcore.HTTP11Connection)["READ_NUM_BYTES"], int)
    fetch(cache, wanted(server))
    assert vars(httpcore.HTTP11Connection)["READ_NUM_BYTES"] == 1 << 18
    assert "READ_NUM_BYTES" in inspect.getsource(httpcore.HTTP11Connection._receive_event)


def test_a_file_without_digest_is_fetched_each_time(server: FileServer, cache: DownloadCache) -> None:
    for _ in range(2):
        assert fetch(cache, wanted(server, sha256=None, size=None)).sha256 == SHA256
    assert server.sent_bytes == 2 * len(CONTENT)


def test_a_cut_transfer_goes_on_where_it_stopped(server: FileServer, cache: DownloadCache) -> None:
    server.cuts["/a"] = [1_000_000, 1_700_000]
    got = fetch(cache, wanted(server))
    assert got.path.read_bytes() == CONTENT
    assert server.sent_bytes == len(CONTENT), "no byte came twice"
    assert [asked for _, asked, _ in server.requests] == [None, "bytes=1000000-", "bytes=1700000-"]


def test_a_transfer_that_was_given_up_goes_on_in_the_next_run(server: FileServer, cache: DownloadCache) -> None:
    server.cuts["/a"] = [100_000 * n for n in range(1, 6)]
    with pytest.raises(DownloadFailed, match="cannot be fetched"):
        fetch(cache, wanted(server))
    assert fetch(cache, wanted(server)).path.read_bytes() == CONTENT
    assert server.sent_bytes == len(CONTENT)


def test_a_server_without_ranges_sends_it_whole(server: FileServer, cache: DownloadCache) -> None:
    server.ranges = False
    server.cuts["/a"] = [1_000_000]
    assert fetch(cache, wanted(server)).path.read_bytes() == CONTENT


def test_a_file_that_changed_in_between_is_fetched_anew(server: FileServer, cache: DownloadCache) -> None:
    server.files["/a"] = b"x" * len(CONTENT)
    server.cuts["/a"] = [500_000] * 5
    with pytest.raises(DownloadFailed):
        fetch(cache, wanted(server))
    server.files["/a"] = CONTENT
    server.cuts["/a"] = []
    assert fetch(cache, wanted(server)).path.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_is_busy_is_asked_again(server: FileServer, cache: DownloadCache, status: int) -> None:
    server.statuses["/a"] = [status, status]
    assert fetch(cache, wanted(server)).path.read_bytes() == CONTENT


def test_wrong_content_is_never_under_the_right_name(
    server: FileServer, cache: DownloadCache, tmp_path: Path
) -> None:
    server.files["/a"] = CONTENT[:-1] + b"!"
    with pytest.raises(DownloadFailed) as failed:
        fetch(cache, wanted(server))
    assert SHA256 in (failed.value.expected or "")
    assert list((tmp_path / "cache/sha256").iterdir()) == []
    # Nothing of it is gone on with.
    server.files["/a"] = CONTENT
    assert fetch(cache, wanted(server)).path.read_bytes() == CONTENT


def test_more_than_was_said_is_not_taken(server: FileServer, cache: DownloadCache, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT * 3
    with pytest.raises(DownloadFailed, match="more came"):
        fetch(cache, wanted(server, size=1000))
    assert sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file()) < 2_000_000


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_told_at_once(server: FileServer, cache: DownloadCache, status: int) -> None:
    server.statuses["/a"] = [status, 200]
    with pytest.raises(DownloadFailed, match=str(status)):
        fetch(cache, wanted(server))


def test_the_login_is_sent_and_never_shown(server: FileServer, cache: DownloadCache) -> None:
    server.login = "me:s3cr3t-word"
    right = Access(username="me", password="s3cr3t-word")
    assert "s3cr3t-word" not in repr(wanted(server, access=right))
    assert fetch(cache, wanted(server, access=right)).path.read_bytes() == CONTENT
    with pytest.raises(DownloadFailed, match="401") as failed:
        fetch(cache, wanted(server, path="/a", sha256="0" * 64, access=Access(username="me", password="wr0ng-word")))
    assert "wr0ng-word" not in str(failed.value)


def test_a_redirection_is_followed(server: FileServer, cache: DownloadCache) -> None:
    server.redirects["/b"] = "/a"
    assert fetch(cache, wanted(server, path="/b")).path.read_bytes() == CONTENT
    server.redirects["/loop"] = "/loop"
    with pytest.raises(DownloadFailed):
        fetch(cache, wanted(server, path="/loop", sha256="0" * 64))


def test_a_folder_is_as_good_as_a_server(tmp_path: Path, cache: DownloadCache) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    for url in (f"{tmp_path}/file", f"file://{tmp_path}/file"):
        got = fetch(cache, Wanted(url, SHA256, len(CONTENT)))
        assert got.path.read_bytes() == CONTENT
    with pytest.raises(DownloadFailed, match="cannot be read"):
        fetch(cache, Wanted(f"{tmp_path}/none", "0" * 64, 5))


def test_offline_fetches_nothing(server: FileServer, cache: DownloadCache) -> None:
    with pytest.raises(DownloadFailed, match="--offline"):
        fetch(cache, wanted(server), offline=True)
    assert server.requests == []


def test_the_head_of_a_file_costs_only_the_head(server: FileServer, cache: DownloadCache) -> None:
    with Downloader(cache) as downloader:
        assert downloader.head(wanted(server), 1000) == CONTENT[:1000]
        assert server.sent_bytes == 1000
        server.ranges = False
        assert downloader.head(wanted(server), 1000) == CONTENT[:1000]


def test_many_at_once_and_the_count_of_bytes(server: FileServer, cache: DownloadCache) -> None:
    contents = {f"/{n}": random.Random(n).randbytes(20_000 + n) for n in range(30)}
    server.files.update(contents)
    server.cuts["/7"] = [5000]
    counted: dict[str, int] = {}

    def advance(one: Wanted, count: int) -> None:
        counted[one.url] = counted.get(one.url, 0) + count

    files = [Wanted(server.url + path, hashlib.sha256(c).hexdigest(), len(c)) for path, c in contents.items()]
    with Downloader(cache, advance=advance) as downloader:
        got = downloader.fetch_all(files)
    assert [one.path.read_bytes() for one in got] == list(contents.values())
    assert counted == {one.url: one.size for one in files}


def test_a_dead_server_is_told(cache: DownloadCache) -> None:
    with pytest.raises(DownloadFailed, match="cannot be fetched"):
        fetch(cache, Wanted("http://127.0.0.1:9/a", SHA256, 5))


@pytest.mark.parametrize("url", ["http://a..b/x", "http://xn--/x", "http://[::1/x", "http:///x"])
def test_an_address_that_is_none_is_told(cache: DownloadCache, url: str) -> None:
    with pytest.raises(DownloadFailed, match="cannot be fetched"):
        fetch(cache, Wanted(url))


def test_a_certificate_file_that_is_none(cache: DownloadCache, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(UsageError, match="certificate cannot be used"):
        fetch(cache, Wanted("https://127.0.0.1:9/a", SHA256, 5, Access(ca=str(tmp_path / "ca.pem"))))


def test_a_server_that_drips_is_given_up(
    server: FileServer, cache: DownloadCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "_PACE_WINDOW_S", 0.1)
    server.pace_bytes_per_s = 500
    with pytest.raises(DownloadFailed, match=r"only \d+ bytes came"):
        fetch(cache, wanted(server))
    server.pace_bytes_per_s = None
    assert fetch(cache, wanted(server)).path.read_bytes() == CONTENT
