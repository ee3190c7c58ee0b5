"""A single KEY=VALUE of the command line: where it belongs in the configuration, and what its text means there."""

from __future__ import annotations

import json
from typing import Any, get_args, get_origin

from staithe.config.keys import inner_section, takes_text
from staithe.config.root import Config
from staithe.config.section import Section
from staithe.errors import UsageError


def path_of(key: str) -> tuple[tuple[str, ...], Any]:
    """Return the path that a dotted key stands for, and the type that belongs there (None: not known).

    A dictionary's own keys may hold dots (kernel.sysctl.net.ipv4.ip_forward), and what is left is such a key.
    """
    section: type[Section] = Config
    path: tuple[str, ...] = ()
    rest = key
    while True:
        name, dot, after = rest.partition(".")
        fields = {field.alias or own: field.annotation for own, field in section.model_fields.items()}
        kind = fields.get(name)
        path, rest = (*path, name), after
        if not dot:
            return path, kind
        inner = inner_section(kind)
        if inner is None:
            return (*path, rest), _value_type(kind)
        section = inner


def value_of(text: str, kind: Any) -> Any:
    """Return what `text` means where `kind` belongs: JSON, but text where text belongs.

    So engine.version=28.5 and daemon.log-opts.max-file=2 stay as they are written; "null" takes a value away.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    except RecursionError:
        raise UsageError(
            "a value of --set holds too many lists or dictionaries inside each other", found=f"{text[:40]}..."
        ) from None
    if isinstance(value, bool | int | float) and kind is not None and takes_text(kind):
        return text
    return value


def _value_type(kind: Any) -> Any:
    """Return the type of a dictionary's values; None when `kind` is no dictionary."""
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return next((found for arg in get_args(kind) if (found := _value_type(arg)) is not None), None)
