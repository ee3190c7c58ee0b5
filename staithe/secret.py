"""Secrets: values that an inventory names instead of holding them, and the masking of what they are.

Where a text belongs in a section of the configuration, or in pyinfra's own ssh_password, ssh_key_password and
_sudo_password, a dictionary of one key may stand: {"from_env": NAME}, {"from_file": PATH} or {"from_prompt": TEXT}.
It is replaced by the value in the process that needs it; whatever that process tells passes through `Vault.mask`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staithe.errors import SecretMissing
from staithe.shell import quote

SOURCES = ("from_env", "from_file", "from_prompt")
# Of pyinfra's own data.
PYINFRA_KEYS = ("ssh_password", "ssh_key_password", "_sudo_password")
MASK = "***"
# What is shorter is no secret, and masking it would make every message unreadable.
_SHORTEST = 4
_LONGEST_BYTES = 64 << 10
# So much of a long one says too much already.
_TELLING_PART = 16
_IN_ADDRESS = re.compile(r"://[^/@\s:'\"]*:([^/@\s'\"]+)@")

Ask = Callable[[str], str]


@dataclass(frozen=True)
class Secret:
    """Where a value comes from. It never holds the value."""

    source: str
    name: str

    def __str__(self) -> str:
        return f"{self.source} {self.name}"

    def reveal(self, ask: Ask) -> str:
        """Return the value; `ask` answers prompts. Raises SecretMissing."""
        match self.source:
            case "from_env":
                value = os.environ.get(self.name)
                if value is None:
                    raise SecretMissing(
                        f"the environment variable {self.name} is not set",
                        hint=f"read -rs {self.name}; export {self.name}",
                    )
            case "from_file":
                value = _read(Path(self.name).expanduser())
            case _:
                value = ask(self.name)
        # Editors end a file with a newline.
        value = value.removesuffix("\n").removesuffix("\r")
        if not value or not value.isprintable() or len(value) > _LONGEST_BYTES:
            raise SecretMissing(
                f"the secret {self} cannot be used",
                found="nothing" if not value else "more than one line, too much, or signs that cannot be shown",
                expected="one line of text in UTF-8",
            )
        return value


def ask_secret(prompt: str) -> str | None:
    """Let the person at the terminal type a secret, unseen; None without a terminal or an answer."""
    import getpass

    try:
        with Path("/dev/tty").open("rb"):
            return getpass.getpass(f"{prompt}: ") or None
    except (OSError, EOFError, KeyboardInterrupt):
        return None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_BYTES + 3).decode("utf-8")
    except OSError as error:
        raise SecretMissing(
            f"the secret cannot be read: {error.strerror}", where=str(path), hint=f"ls -l {path}"
        ) from error
    except UnicodeDecodeError as error:
        raise SecretMissing("the secret is no text", where=str(path), hint=f"file {path}") from error


def secret_of(value: object) -> Secret | None:
    """Return the Secret that `value` names; None when it is something else."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((source, name),) = value.items()
    return Secret(source, name) if source in SOURCES and isinstance(name, str) and name else None


def _passwords(data: Any) -> Iterator[str]:
    """Yield the passwords that stand plainly in the addresses inside `data`."""
    if isinstance(data, str):
        yield from _IN_ADDRESS.findall(data)
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _passwords(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _passwords(value)


def _without_beginning(text: str, value: str) -> str:
    """Mask the beginning of a long secret too: messages cut long values short."""
    if len(value) <= _TELLING_PART:
        return text
    at = text.find(value[:_TELLING_PART])
    while at >= 0:
        same = next((n for n, (one, two) in enumerate(zip(text[at:], value, strict=False)) if one != two), len(value))
        text = text[:at] + MASK + text[at + same :]
        at = text.find(value[:_TELLING_PART], at + len(MASK))
    return text


class Vault:
    """The secrets that a process has revealed, so that it can keep them out of what it tells."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._values: dict[Secret, str] = {}
        self._known: set[str] = set()

    def resolve(self, data: Any) -> Any:
        """Return `data` with each Secret inside replaced by its value."""
        secret = secret_of(data)
        if secret is not None:
            if secret not in self._values:
                self._values[secret] = secret.reveal(self._ask)
                self.add(self._values[secret])
            return self._values[secret]
        if isinstance(data, Mapping):
            return {key: self.resolve(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return type(data)(self.resolve(value) for value in data)
        return data

    def resolve_in(self, data: dict[str, Any], names: frozenset[str]) -> None:
        """Resolve the values of `names` and of pyinfra's own passwords in place; plain passwords are masked too."""
        for key in sorted(data.keys() & (names | set(PYINFRA_KEYS))):
            try:
                data[key] = self.resolve(data[key])
            except SecretMissing as error:
                error.where = error.where or key
                raise
            if key in PYINFRA_KEYS and isinstance(data[key], str):
                self.add(data[key])
            for password in _passwords(data[key]):
                self.add(password)

    def add(self, value: str) -> None:
        """Keep `value` out of what is told from now on, also as JSON, Python, a shell and an address write it."""
        if len(value) >= _SHORTEST:
            self._known.update(
                {
                    value,
                    json.dumps(value)[1:-1],
                    json.dumps(value, ensure_ascii=False)[1:-1],
                    repr(value)[1:-1],
                    # repr chooses other quotes when both kinds are in it.
                    repr(value + "'\"")[1:-4],
                    ascii(value)[1:-1],
                    quote(value)[1:-1],
                    # Python's own way to write a shell word; the space makes it quote.
                    shlex.quote(value + " ")[1:-2],
                    urllib.parse.quote(value, safe=""),
                }
            )

    def conceals(self, text: str) -> bool:
        """Tell whether `text` holds a secret that the inventory names."""
        forms = {
            form for value in self._values.values() for form in (value, json.dumps(value, ensure_ascii=False)[1:-1])
        }
        return any(form in text for form in forms)

    @property
    def has_any(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._known)

    def mask(self, text: str) -> str:
        """Return `text` without any secret."""
        # The longest first: one may be a part of another.
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, MASK)
        for value in self._known:
            text = _without_beginning(text, value)
        return text

    def mask_values(self, data: Any, keep: frozenset[str] = frozenset()) -> Any:
        """Return plain data with each text in it masked, but what stands under the keys in `keep`."""
        if not self._known:
            return data
        if isinstance(data, str):
            return self.mask(data)
        if isinstance(data, list):
            return [self.mask_values(value, keep) for value in data]
        if isinstance(data, dict):
            return {key: value if key in keep else self.mask_values(value, keep) for key, value in data.items()}
        return data
