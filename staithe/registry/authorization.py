"""The header Authorization for one repository: asked for once, renewed before it ends. For several threads.

distribution-spec leaves this to registries; in use are HTTP's Basic, and tokens as distribution/distribution
describes them (docs/spec/auth: token.md, oauth.md).
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from staithe.errors import RegistryError
from staithe.registry.challenge import Challenge, parse_challenges
from staithe.registry.credentials import Login, find_login
from staithe.registry.endpoint import Endpoint
from staithe.registry.exchange import Answer, exchange
from staithe.shell import word
from staithe.sourcing.access import open_client

if TYPE_CHECKING:
    import httpx

# token.md: what a token lives when the server does not say.
_DEFAULT_LIFE_S = 60.0
# A token that was just given and is refused is not refused for its age.
_YOUNG_S = 5.0
_CLIENT_ID = "staithe"
FindLogin = Callable[[str], Login | None]


class Authorization:
    """What is said in Authorization to one repository of a registry. The login is looked up when one is asked for."""

    def __init__(
        self, endpoint: Endpoint, repository: str, actions: Sequence[str] = ("pull",), find: FindLogin = find_login
    ) -> None:
        self._endpoint = endpoint
        self._scope = f"repository:{repository}:{','.join(actions)}"
        self._find = find
        self._guard = threading.Lock()
        self._client: httpx.Client | None = None
        self._value: str | None = None
        self._given = -math.inf
        # Not asked yet.
        self._ends = -math.inf

    def value(self) -> str | None:
        """Return the header's value, None where nobody wants one; raises RegistryError, Interruption."""
        with self._guard:
            if time.monotonic() >= self._ends:
                self._begin()
            return self._value

    def refused(self, value: str | None, header: str) -> None:
        """Find another value after a registry answered 401 to `value`, with `header` as its WWW-Authenticate.

        Raises RegistryError where there is none: no login, or one that the registry does not take.
        """
        with self._guard:
            if value != self._value:
                return  # another thread was here before
            if value is not None and (value.startswith("Basic ") or time.monotonic() - self._given < _YOUNG_S):
                raise self.denied()
            self._answer(header, asks_scope=True)

    def close(self) -> None:
        """End the connections to registry and token server."""
        if self._client is not None:
            self._client.close()

    def denied(self, found: str | None = None) -> RegistryError:
        """Make the error for a registry that does not let this login do what is wanted."""
        host = self._endpoint.host
        login = self._find(host)
        who = f"the login that {login.holder} has" if login else "anybody without a login"
        hint = f"docker login {word(host)}" if host != "docker.io" else "docker login"
        hint = self._endpoint.settings.login or hint
        # docker.io says so too of what it does not have.
        doubt = "" if login else ", or has no such image"
        where = f"{host}: {self._scope}"
        return RegistryError(f"the registry refuses {who}{doubt}", where=where, found=found, hint=hint)

    def missing(self, url: str) -> RegistryError:
        """Make the error for what a registry does not have, or does not show."""
        return RegistryError(
            "the registry has no such image, or does not show it to this login",
            where=url,
            hint="compare name and tag; of a digest that is gone: staithe bundle lock --upgrade REFERENCE",
        )

    def _begin(self) -> None:
        url = f"{self._endpoint.url}/v2/"
        answer = self._ask("GET", url)
        if answer.status == 401:
            self._answer(answer.headers.get("www-authenticate", ""))
        elif answer.status == 200:
            self._take(None, math.inf)
        else:
            raise RegistryError(
                "this is no registry",
                where=url,
                found=f"status {answer.status}",
                expected="200, or 401 and how to log in",
            )

    def _answer(self, header: str, *, asks_scope: bool = False) -> None:
        """Take what a challenge leads to. The scope that /v2/ asks for is an example (ghcr.io: user/image)."""
        challenges = {one.scheme: one for one in reversed(parse_challenges(header))}
        if "bearer" in challenges:
            self._take(*self._token(challenges["bearer"], asks_scope))
        elif "basic" in challenges:
            login = self._find(self._endpoint.host)
            if login is None or login.identity_token is not None:
                raise self.denied()
            self._take(login.basic, math.inf)
        else:
            raise RegistryError(
                "the registry asks for a kind of login that staithe does not know",
                where=self._endpoint.url,
                found=", ".join(challenges) or "none",
                expected="Bearer or Basic",
            )

    def _take(self, value: str | None, life_s: float) -> None:
        self._value, self._given = value, time.monotonic()
        # A little earlier: it has to arrive, too.
        self._ends = self._given + life_s * 0.8

    def _token(self, challenge: Challenge, asks_scope: bool) -> tuple[str, float]:
        realm = challenge.parameters.get("realm", "")
        self._check_realm(realm)
        asked = challenge.parameters.get("scope", "").split() if asks_scope else []
        scopes = [self._scope, *(one for one in asked if one != self._scope)]
        parameters = {}
        if "service" in challenge.parameters:
            parameters["service"] = challenge.parameters["service"]
        login = self._find(self._endpoint.host)
        if login is not None and login.identity_token is not None:
            form = {"grant_type": "refresh_token", "client_id": _CLIENT_ID, "refresh_token": login.identity_token}
            answer = self._ask("POST", realm, data={**parameters, **form, "scope": " ".join(scopes)})
        else:
            headers = {"Authorization": login.basic} if login is not None else {}
            answer = self._ask("GET", realm, params={**parameters, "scope": scopes}, headers=headers)
        if answer.status in (400, 401, 403):
            raise self.denied(f"status {answer.status} from {_without_query(realm)}")
        return _read_token(answer, _without_query(realm))

    def _check_realm(self, realm: str) -> None:
        try:
            parts = urlsplit(realm)
            is_address = parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            is_address = False
        if not is_address or (parts.scheme == "http" and not self._endpoint.is_plain):
            raise RegistryError(
                "the registry names a token server that no login is sent to",
                where=self._endpoint.url,
                found=_without_query(realm)[:200] or "none",
                expected="an https:// address",
            )

    def _ask(self, method: str, url: str, **options: object) -> Answer:
        if self._client is None:
            self._client = open_client(self._endpoint.access)
        # A redirection would carry the login to somebody else.
        return exchange(self._client, self._endpoint, method, url, follow_redirects=False, **options)


def _read_token(answer: Answer, where: str) -> tuple[str, float]:
    """Return the value for Authorization and its life in seconds."""
    try:
        data = json.loads(answer.content) if answer.status == 200 else {}
        token = data.get("token") or data.get("access_token")
        life_s = float(data.get("expires_in") or _DEFAULT_LIFE_S)
    except (ValueError, AttributeError, TypeError, RecursionError):
        token, life_s = None, 0.0
    # What it said is not told: it may be a token.
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise RegistryError("the token server gave no token", where=where, found=f"status {answer.status}")
    return f"Bearer {token}", max(life_s, 1.0)


def _without_query(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]
