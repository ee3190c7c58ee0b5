"""Opens a file at its origin, an HTTP server or a folder, at any offset. What a server claims is checked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from staithe.errors import DownloadFailed
from staithe.sourcing.access import Access, open_client
from staithe.sourcing.download_cache import CHUNK_BYTES

if TYPE_CHECKING:
    import httpx

_AGAIN_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
# A line to a far mirror may be slow; what is slower than this never ends.
_SLOWEST_BYTES_PER_S = 1024
_PACE_WINDOW_S = 30.0
_HINTS = {
    401: "check username and password, in bundle.toml or engine.repository",
    403: "check the login, in bundle.toml or engine.repository",
    407: "check the proxy, proxy_username and proxy_password in bundle.toml, or engine.repository.proxy",
}


class Interruption(Exception):
    """A transfer that may go well when it is tried again."""

    def __init__(self, reason: str, *, hint: str = "what has arrived is kept; run this again") -> None:
        super().__init__(reason)
        self.hint = hint


@dataclass(frozen=True)
class Opened:
    """A file that is being read."""

    # Where the chunks begin; 0 when a server sends everything all the same.
    start: int
    chunks: Iterator[bytes]


class Origins:
    """Opens files; keeps one HTTP client for each way to a server. For several threads."""

    def __init__(self) -> None:
        self._clients: dict[Access, httpx.Client] = {}

    def close(self) -> None:
        """End all connections."""
        for client in self._clients.values():
            client.close()

    @contextmanager
    def open(self, url: str, access: Access, *, start: int = 0, end: int | None = None) -> Iterator[Opened]:
        """Open a file from byte `start` to before byte `end`; raises DownloadFailed or Interruption."""
        if not is_http(url):
            with _open_file(url) as stream:
                stream.seek(start)
                yield Opened(start, iter(lambda: stream.read(CHUNK_BYTES), b""))
            return
        import httpx

        wants_part = start or end is not None
        headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if wants_part else {}
        value = access.authorization.value() if access.authorization is not None else None
        if value is not None:
            headers["Authorization"] = value
        try:
            with self._client(access).stream("GET", url, headers=headers) as answer:
                _check_authorization(answer, access, value)
                # As they come: chunks of a size are gathered first, and what was gathered is lost with the line.
                yield Opened(_first_byte(answer, url, start), _not_too_slow(answer.iter_raw()))
        except (httpx.InvalidURL, httpx.TooManyRedirects, httpx.UnsupportedProtocol, UnicodeError) as error:
            # UnicodeError: a host name that is none, such as a..b.
            raise DownloadFailed(f"cannot be fetched: {error}", where=url) from error
        except httpx.ConnectError as error:
            raise Interruption(str(error), hint="look at the address, the network, and https_proxy") from error
        except httpx.TransportError as error:
            raise Interruption(str(error) or type(error).__name__) from error

    def _client(self, access: Access) -> httpx.Client:
        if access not in self._clients:
            self._clients[access] = open_client(access)
        return self._clients[access]


def _not_too_slow(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass chunks on; a server that drips is one that has gone: time-outs see only silence. Raises Interruption."""
    began, count = time.monotonic(), 0
    for chunk in chunks:
        count += len(chunk)
        passed = time.monotonic() - began
        if passed > _PACE_WINDOW_S:
            if count < _SLOWEST_BYTES_PER_S * passed:
                raise Interruption(f"only {count} bytes came in {passed:.0f} s")
            began, count = time.monotonic(), 0
        yield chunk


def is_http(url: str) -> bool:
    """Tell whether a file is on a server."""
    return url.startswith(("http://", "https://"))


def located(url: str, folder: Path) -> str:
    """Return an address as it is, and a path as an absolute one: relative ones start at `folder`."""
    return url if is_http(url) else str(folder.absolute() / Path(url.removeprefix("file://")).expanduser())


def _check_authorization(answer: httpx.Response, access: Access, value: str | None) -> None:
    """Have a registry's refusal answered, unless it is that of another server, to which it led."""
    if access.authorization is None or answer.history:
        return
    if answer.status_code == 401:
        access.authorization.refused(value, answer.headers.get("www-authenticate", ""))
        raise Interruption("the registry wants another token")
    if answer.status_code == 403:
        raise access.authorization.denied("status 403")
    if answer.status_code == 404:
        raise access.authorization.missing(str(answer.url))


def _first_byte(answer: httpx.Response, url: str, start: int) -> int:
    """Return which byte of the file the answer begins with."""
    if answer.status_code in _AGAIN_LATER:
        raise Interruption(f"the server answered {answer.status_code} {answer.reason_phrase}")
    if answer.status_code not in (200, 206):
        raise DownloadFailed(
            f"the server answered {answer.status_code} {answer.reason_phrase}",
            where=url,
            hint=_HINTS.get(answer.status_code),
        )
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise DownloadFailed("the server packs files on their way", where=url, expected="the file as it is")
    if answer.status_code == 200:
        return 0
    text = answer.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    if text != str(start):
        raise Interruption(f"the server sent another range than it was asked for: {text[:20]!r}")
    return start


def _open_file(url: str) -> IO[bytes]:
    path = Path(url.removeprefix("file://"))
    try:
        return path.open("rb")
    except OSError as error:
        raise DownloadFailed(f"cannot be read: {error.strerror}", where=str(path)) from error
