"""What holds for a host, and which layer each value comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from staithe.config.keys import flattened
from staithe.config.problems import masked
from staithe.config.root import Config

DEFAULT = "default"
# Keys whose value is a secret, also where somebody wrote it down plainly.
_SECRET = frozenset({"registry_password"})
_MASK = "***"


@dataclass(frozen=True)
class EffectiveValue:
    """One value of a host's configuration, with passwords hidden."""

    path: str
    value: Any
    origin: str


def effective_values(config: Config, layers: Sequence[tuple[str, Mapping[str, Any]]]) -> list[EffectiveValue]:
    """Return every value of `config` with the origin of each; `layers` are what it was made from."""
    return [
        EffectiveValue(".".join(path), _shown(path, value), _origin(path, layers))
        for path, value in flattened(described(config))
        if value != {}
    ]


def described(config: Config) -> dict[str, Any]:
    """Return the configuration as plain data; of daemon only what is set."""
    data = config.model_dump(mode="json", by_alias=True)
    data["daemon"] = config.daemon.daemon_json()
    return data


def _shown(path: tuple[str, ...], value: Any) -> Any:
    return _MASK if path[-1] in _SECRET and value else _hidden(value)


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    return value


def _origin(path: tuple[str, ...], layers: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    holders = (origin for origin, data in reversed(layers) if _value_at(data, path) is not None)
    return next(holders, DEFAULT)


def _value_at(data: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data
