"""What is wrong with a described state, in plain words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from staithe.config.layers import shown_key, shown_place
from staithe.config.section import Section, holds_section
from staithe.errors import ConfigError

_EXPECTED_BY_TYPE = {
    "string_type": "text in quotes",
    "string_unicode": "text",
    "int_type": "a whole number without quotes",
    "bool_type": "True or False",
    "tuple_type": "a list",
    "dict_type": "a dictionary",
    "model_type": "a dictionary",
    "invalid_key": "a name in quotes",
}
_HINT = "staithe config docs"


class ProblemList:
    """Problems of many hosts; one that several hosts share is said once."""

    def __init__(self) -> None:
        self._hosts: dict[str, list[str]] = {}

    def add(self, where: str, problems: Iterable[str]) -> None:
        """Add the problems of the host named `where`."""
        for problem in problems:
            self._hosts.setdefault(problem, []).append(where)

    def lines(self) -> list[str]:
        """Return one line for each problem, with the first host that has it."""
        return [
            f"{shown_key(hosts[0])}: {problem}{_others(len(hosts) - 1)}" for problem, hosts in self._hosts.items()
        ]

    def raise_if_any(self) -> None:
        """Raise ConfigError when there is a problem."""
        if self._hosts:
            raise ConfigError(self.lines(), hint=_HINT)


def _others(count: int) -> str:
    if count == 0:
        return ""
    return f" (and {count} other host{'' if count == 1 else 's'})"


def near(key: str, known: Iterable[str]) -> str | None:
    """Return the known key that `key` is closest to; None when none is close."""
    matches = difflib.get_close_matches(key.lower().replace("_", "-"), list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


_LOGIN = re.compile(r"://[^/\s'\"]*@")
# An option of a log driver, for instance: "splunk-token": "...".
_TELLING = re.compile(
    r"""((["'])[^"'\n]*(?:token|password|passwd|secret|credential)[^"'\n]*\2\s*:\s*)(["'])(?:(?!\3)[^\\\n]|\\.)*\3""",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """Hide logins in the addresses that `text` holds, and values whose key says that they are secret."""
    return _TELLING.sub(r"\1\3***\3", _LOGIN.sub("://***@", text))


def shown(value: object) -> str:
    """Return a value as messages show it: short, on one line, without passwords."""
    text = masked(repr(list(value) if isinstance(value, tuple) else value))
    return text if len(text) <= 80 else text[:77] + "..."


def problems_of(error: ValidationError, model: type[Section]) -> list[str]:
    """Return one line for each problem, each with its path in `model`."""
    return [line for details in error.errors(include_url=False) for line in _lines(details, model)]


def _lines(details: ErrorDetails, model: type[Section]) -> list[str]:
    context = details.get("ctx", {})
    loc = tuple(part for part in details["loc"] if not str(part).startswith("<"))
    path = shown_place(loc)
    kind = details["type"]
    if kind == "mistakes":
        return [f"{path}: {line}" for line in context["lines"]]
    if kind == "mistake":
        return [f"{path}: {context['sentence']}"]
    if kind == "odd_texts":
        return [
            f"{shown_place((*loc, *place))}: found {shown(text)}, expected {expected}"
            for place, text, expected in context["places"]
        ]
    if kind == "extra_forbidden":
        return [_unknown_key(path, loc, model)]
    if kind == "missing":
        return [f"{path}: is missing"]
    return [f"{path}: found {shown(details['input'])}, expected {_expected(kind, context, details['msg'])}"]


def _expected(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind in _EXPECTED_BY_TYPE:
        return _EXPECTED_BY_TYPE[kind]
    if kind in ("expected", "literal_error"):
        return str(context["expected"])
    if kind == "too_long":
        return f"{context['max_length']} of them at most"
    if kind == "greater_than_equal":
        return f"{context['ge']} or more"
    if kind == "less_than_equal":
        return f"{context['le']} or less"
    return message


def _unknown_key(path: str, loc: tuple[int | str, ...], model: type[Section]) -> str:
    section = section_at(model, loc[:-1])
    key = str(loc[-1])
    explained = section.explain_unknown(key)
    if explained:
        return f"{path}: {explained}"
    closest = near(key, [field.alias or name for name, field in section.model_fields.items()])
    return f"{path}: unknown key" + (f"; did you mean {closest}?" if closest else "")


def section_at(model: type[Section], loc: Iterable[int | str]) -> type[Section]:
    """Return the section class that stands at `loc` in `model`."""
    current: Any = model
    for part in loc:
        if isinstance(current, type) and issubclass(current, Section):
            fields = current.model_fields
            current = next(f.annotation for name, f in fields.items() if (f.alias or name) == part)
        else:
            # dict[str, X] or tuple[X, ...]: the sections are X.
            current = next(arg for arg in get_args(current) if holds_section(arg))
        current = _without_none(current)
    if not (isinstance(current, type) and issubclass(current, Section)):
        raise TypeError(f"no section at {shown_place(loc)}")
    return current


def _without_none(annotation: Any) -> Any:
    args = get_args(annotation)
    return next(arg for arg in args if arg is not type(None)) if type(None) in args else annotation
