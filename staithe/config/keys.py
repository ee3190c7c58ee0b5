"""Every key of the configuration with its kind in words: what the reference and group_data/all.py are made from."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from staithe.config.section import Section, holds_section
from staithe.config.values import Expects

_PLAIN = {str: "text", int: "a whole number", bool: "True or False", Any: "any JSON value"}


@dataclass(frozen=True)
class Key:
    """One key of a section."""

    name: str
    words: str
    description: str
    required: bool
    default: Any
    example: Any
    # The section that stands inside the value, if there is one.
    section: type[Section] | None


def keys_of(section: type[Section]) -> Iterator[Key]:
    """Yield the keys of a section in the order of the model, those that it shares with others last."""
    own = section.__annotations__
    for name, field in sorted(section.model_fields.items(), key=lambda one: one[0] not in own):
        default = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
        yield Key(
            name=field.alias or name,
            words=words_of(field),
            description=field.description or "",
            required=field.is_required(),
            default=plain(default),
            example=(field.examples or [None])[0],
            section=inner_section(field.annotation),
        )


def takes_text(annotation: Any) -> bool:
    """Tell whether a type is text: any, checked, or one of some words."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(takes_text(arg) for arg in args)
    if origin is Annotated:
        return takes_text(args[0])
    return annotation is str or (origin is Literal and all(isinstance(arg, str) for arg in args))


def plain(value: Any) -> Any:
    """Return a default as users write it: lists, dictionaries, plain values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return list(value) if isinstance(value, tuple) else value


def inner_section(annotation: Any) -> type[Section] | None:
    """Return the section inside a type; None when there is none."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((inner_section(arg) for arg in get_args(annotation) if holds_section(arg)), None)


def words_of(field: FieldInfo) -> str:
    """Say in words what a field accepts."""
    words = _said_by(field.metadata) or _words(field.annotation)
    low = next((item.ge for item in _bounds(field, "ge")), None)
    high = next((item.le for item in _bounds(field, "le")), None)
    if low is not None and high is not None:
        return f"{words} from {low} to {high}"
    return f"{words}, {low} or more" if low is not None else words


def _bounds(field: FieldInfo, name: str) -> Iterator[Any]:
    yield from (item for item in field.metadata if hasattr(item, name))


def _said_by(metadata: Any) -> str | None:
    said = [item.words for item in metadata if isinstance(item, Expects)]
    return said[0] if said else None


def _words(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "a dictionary"
    return (
        _PLAIN[annotation] if annotation in _PLAIN else _compound_words(get_origin(annotation), get_args(annotation))
    )


def _compound_words(origin: Any, args: tuple[Any, ...]) -> str:
    if origin is Annotated:
        return _said_by(args[1:]) or _words(args[0])
    if origin is Literal:
        shown = [json.dumps(arg) for arg in args]
        return shown[0] if len(shown) == 1 else "one of " + ", ".join(shown)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(arg) for arg in args if arg is not type(None))
    if origin is tuple:
        return f"a list, each {_words(args[0])}"
    return f"a dictionary, each value {_words(args[1])}"


def flattened(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (path, value) of everything in `data` that is not a dictionary with something in it."""
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value
