"""One request to a registry and its small answer. What can fail on the way is told in one place."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from staithe.errors import RegistryError
from staithe.registry.endpoint import Endpoint, Settings
from staithe.sourcing.origin import Interruption

if TYPE_CHECKING:
    import httpx

ANSWER_LIMIT_BYTES = 4 << 20
_ANSWER_LIMIT_S = 60.0
_AGAIN_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Answer:
    """What a server said. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    # Another server may have answered.
    is_redirected: bool = False


def exchange(client: httpx.Client, endpoint: Endpoint, method: str, url: str, **options: Any) -> Answer:
    """Send one request and read the answer; `options` are those of `httpx.Client.stream`.

    `endpoint`: the registry that it is about, also where another server is asked for a token.

    Raises Interruption for what may go well a little later, RegistryError for what will not.
    """
    import httpx

    try:
        with client.stream(method, url, **options) as answer:
            if answer.status_code in _AGAIN_LATER:
                raise Interruption(f"the server answered {answer.status_code} {answer.reason_phrase}")
            content, began = b"", time.monotonic()
            for chunk in answer.iter_bytes():
                content += chunk
                # Time-outs see only silence.
                if time.monotonic() - began > _ANSWER_LIMIT_S:
                    raise Interruption(f"the answer is not whole after {_ANSWER_LIMIT_S:.0f} s")
                if len(content) > ANSWER_LIMIT_BYTES:
                    raise RegistryError(
                        "the answer is far too large", where=url, expected=f"{ANSWER_LIMIT_BYTES >> 20} MiB at most"
                    )
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status_code, headers, content, bool(answer.history))
    except (httpx.InvalidURL, httpx.TooManyRedirects, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise RegistryError(f"cannot be asked: {error}", where=url) from error
    except httpx.TransportError as error:
        text = str(error) or type(error).__name__
        hopeless = _hopeless(text, endpoint.settings)
        if hopeless is not None:
            raise RegistryError(hopeless[0], where=url, found=text, hint=hopeless[1]) from error
        raise Interruption(text) from error


def _hopeless(text: str, settings: Settings) -> tuple[str, str] | None:
    """Return message and hint for a connection that fails each time."""
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "the server's certificate is not trusted", settings.ca
    # What a server that speaks http says to the first bytes of TLS.
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return "the server does not speak TLS", f"{settings.plain_http}   # if you trust the line"
    return None
