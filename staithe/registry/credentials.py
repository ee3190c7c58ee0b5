"""Logins from docker's configuration file: in it, or with the credential helper that it names.

Formats: docker/cli cli/config/configfile (auths, credHelpers, credsStore) and docker/docker-credential-helpers. No
login is ever part of an argument, a message or what is shown of an object.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from staithe.errors import RegistryError

# What docker.io's login is called in the file and by the helpers.
_DOCKER_HUB = "https://index.docker.io/v1/"
_DOCKER_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HELPER_TIMEOUT_S = 60
# docker-credential-helpers, credentials/error.go: it is said on stdout, with exit code 1.
_NOT_FOUND = "credentials not found"
_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True)
class Login:
    """A name and password, or an identity token, for which the token server gives access tokens."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    identity_token: str | None = field(default=None, repr=False)
    # Who has it, for messages.
    holder: str = "docker's configuration"

    @property
    def basic(self) -> str:
        """The value of a header Authorization."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def config_path() -> Path:
    """Return where docker's configuration file is, or would be."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def find_login(host: str) -> Login | None:
    """Return the login for a registry by its name in references (docker.io, HOST[:PORT]); None without one.

    Raises RegistryError when the file or the helper that it names cannot be used.
    """
    path = config_path()
    config = _read(path)
    server = _DOCKER_HUB if host in _DOCKER_HUB_NAMES else host
    helper = _helper(config, host, server)
    if helper is not None:
        login = _ask_helper(helper, server, path)
        if login is not None:
            return login
    for entry in _entries(config, host):
        login = _login(entry, host, path)
        if login is not None:
            return login
    return None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(_LIMIT_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RegistryError(f"docker's configuration cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError):
        # What is wrong with it is not told: it is full of logins.
        raise _unusable(path, "no JSON") from None
    if not isinstance(config, Mapping):
        raise _unusable(path, "no JSON object")
    return config


def _helper(config: Mapping[str, Any], host: str, server: str) -> str | None:
    helpers = config.get("credHelpers")
    helpers = helpers if isinstance(helpers, Mapping) else {}
    found = helpers.get(host) or helpers.get(server) or config.get("credsStore")
    return found if isinstance(found, str) and found else None


def _entries(config: Mapping[str, Any], host: str) -> Iterator[Mapping[str, Any]]:
    """Yield the entries for a registry, the one under its exact name first: `docker login` took addresses once."""
    auths = config.get("auths")
    auths = auths if isinstance(auths, Mapping) else {}
    names = (_DOCKER_HUB, *_DOCKER_HUB_NAMES) if host in _DOCKER_HUB_NAMES else (host,)
    keys = [name for name in names if name in auths]
    keys += [key for key in auths if key not in keys and _host_of(key) in names]
    yield from (auths[key] for key in keys if isinstance(auths[key], Mapping))


def _host_of(key: str) -> str:
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _login(entry: Mapping[str, Any], host: str, path: Path) -> Login | None:
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Login("", "", token)
    packed = entry.get("auth")
    if not packed:
        # docker itself writes {} for what a helper keeps.
        username, password = entry.get("username"), entry.get("password")
        return Login(username, password) if isinstance(username, str) and isinstance(password, str) else None
    try:
        username, colon, password = base64.b64decode(packed, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError, TypeError):
        raise _unusable(path, f"an entry for {host} that is no base64 of NAME:PASSWORD") from None
    if not colon:
        raise _unusable(path, f"an entry for {host} that is no base64 of NAME:PASSWORD")
    # docker pads some with NUL.
    return Login(username, password.rstrip("\0"))


def _ask_helper(name: str, server: str, path: Path) -> Login | None:
    program = f"docker-credential-{name}"
    where = f"{path}: {program}"
    if not _HELPER_NAME.fullmatch(name):
        raise _unusable(path, "a credential helper whose name is none")
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=_HELPER_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise RegistryError(
            f"the credential helper cannot be run: {error.strerror}",
            where=where,
            hint=f"command -v {program}   # or take it out of {path}",
        ) from error
    except subprocess.TimeoutExpired:
        raise RegistryError(f"the credential helper gave no answer in {_HELPER_TIMEOUT_S} s", where=where) from None
    # What it printed is not told: it may be the secret.
    if done.returncode != 0:
        if _NOT_FOUND.encode() in done.stdout + done.stderr:
            return None
        raise RegistryError(
            "the credential helper failed", where=where, found=f"exit code {done.returncode}", hint="docker login"
        )
    try:
        answer = json.loads(done.stdout)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegistryError("the credential helper answered something else than a login", where=where) from None
    return Login("", "", secret) if username == "<token>" else Login(username, secret)


def _unusable(path: Path, found: str) -> RegistryError:
    return RegistryError(
        "docker's configuration cannot be used",
        where=str(path),
        found=found,
        expected="what `docker login` writes",
        hint="DOCKER_CONFIG=FOLDER staithe ...   # another one",
    )
