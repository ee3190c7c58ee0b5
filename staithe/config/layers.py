"""Layers of data, as pyinfra has them: defaults, all, groups, host; merged key by key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

from staithe.config.plain_data import odd_values
from staithe.errors import ConfigError

Layer = Mapping[str, Any]


def merged(layers: Iterable[Layer]) -> dict[str, Any]:
    """Merge `layers`, lowest priority first: dictionaries key by key, everything else (lists too) replaced."""
    result: dict[str, Any] = {}
    for one in layers:
        for key, value in one.items():
            below = result.get(key)
            if isinstance(value, Mapping):
                result[key] = merged([below if isinstance(below, Mapping) else {}, value])
            else:
                result[key] = value
    return result


def without_none(data: Layer) -> dict[str, Any]:
    """Drop keys whose value is None: None takes away what a lower layer said."""
    return {
        key: without_none(value) if isinstance(value, Mapping) else value
        for key, value in data.items()
        if value is not None
    }


@cache
def defaults(model: type[BaseModel]) -> Layer:
    """Return the defaults that a user's dictionary is merged into: those that are dictionaries themselves.

    Always the same one: not to be changed.
    """
    result: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        value = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(value, BaseModel):
            below = defaults(type(value))
            if below:
                result[field.alias or name] = below
        elif isinstance(value, dict) and value:
            result[field.alias or name] = value
    return result


def sections_of(data: Layer, names: Iterable[str]) -> dict[str, Any]:
    """Return what of `data` is staithe's."""
    return {name: data[name] for name in names if name in data}


def known_only(data: Layer, names: Iterable[str]) -> dict[str, Any]:
    """Return what of `data` may leave the process that loaded it: staithe's sections, and the bare names of others.

    Only names of dictionaries: what `near_misses` looks at. Raise ConfigError for values that cannot travel.
    """
    known = frozenset(names)
    odd = [
        f"{shown_place(place)}: found {found}, expected {expected}"
        for place, found, expected in odd_values(sections_of(data, known))
    ]
    if odd:
        raise ConfigError(odd, hint="staithe config docs")
    return {
        key: value if key in known else {}
        for key, value in data.items()
        if key in known or (isinstance(value, Mapping) and shown_key(key) == key)
    }


def near_misses(layers: Sequence[Layer], names: Iterable[str]) -> list[str]:
    """Return the keys that look like a misspelled section: a dictionary whose name is close to one of `names`.

    Other variables in pyinfra's data are the user's own and are not looked at.
    """
    known = list(names)
    found: dict[str, None] = {}
    for one in layers:
        for key, value in one.items():
            foreign = not isinstance(value, Mapping) or not isinstance(key, str) or key.startswith("_")
            if not foreign and key not in known and difflib.get_close_matches(key.lower(), known, 1, 0.75):
                found[key] = None
    return list(found)


def shown_key(key: object) -> str:
    """Return a key as it may be printed."""
    text = str(key)
    return text if text.isprintable() and len(text) <= 80 else ascii(text[:80])


def shown_place(loc: Iterable[int | str]) -> str:
    """Return `loc` as users write it: daemon.registry-mirrors[0]."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{shown_key(part)}" if path else shown_key(part)
    return path


def host_name_of(host_data: object) -> str:
    """Return the name of the host that a pyinfra HostData belongs to."""
    host = vars(host_data).get("host") if hasattr(host_data, "__dict__") else None
    return str(getattr(host, "name", "host"))


def layers_of(host_data: object) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the (origin, data) layers of a pyinfra HostData, lowest priority first.

    pyinfra offers all groups of a host as one layer in which whole values replace each other. Here each group is a
    layer of its own, so that two groups can give different keys of one section.
    """
    datas = [data() if callable(data) else data for data in vars(host_data)["datas"]]
    host = vars(host_data).get("host")
    inventory = getattr(host, "inventory", None)
    if inventory is None or len(datas) != 6:
        return tuple((f"layer {number}", dict(data or {})) for number, data in enumerate(reversed(datas), 1))
    # datas: set by the deploy, --data, host, groups, all, defaults of a @deploy function.
    groups = [(f"group {name}", dict(inventory.get_group_data(name))) for name in host.groups]  # type: ignore[union-attr]
    return (
        ("deploy defaults", dict(datas[5] or {})),
        ("all", dict(datas[4] or {})),
        *groups,
        ("host", dict(datas[2] or {})),
        ("--data", dict(datas[1] or {})),
        ("set by the deploy", dict(datas[0] or {})),
    )
