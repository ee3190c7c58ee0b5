"""What every section of the configuration has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from staithe.config.plain_data import Place

TYPOGRAPHIC_QUOTES = "“”„‟‘’‚‛«»"


class Section(BaseModel):
    """A part of the described state: immutable, and an unknown key is an error.

    Types are strict (True is not a number, 1.0 and "1" are not whole numbers), except that a list is as good as a
    tuple. No text holds control characters or typographic quotes.
    """

    # Built when it is used: most are only as a part of Config, which builds them all.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=False, defer_build=True)

    # Keys that users write by mistake, with the sentence that helps them.
    known_mistakes: ClassVar[Mapping[str, str]] = {}

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[info.field_name or ""]
        # Sections inside this one look at their own fields, and name the place better.
        places = [] if holds_section(field.annotation) else list(_odd_texts(value, ()))
        if places:
            raise PydanticCustomError("odd_texts", "odd text", {"places": places})
        return _tuples(value)

    @classmethod
    def explain_unknown(cls, key: str) -> str | None:
        """Return what to say of a key that this section does not have; None when nothing is known of it."""
        return cls.known_mistakes.get(key)


def holds_section(annotation: Any) -> bool:
    """Tell whether a type is a section or has one inside."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return True
    return any(holds_section(arg) for arg in get_args(annotation))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _odd_texts(value: Any, place: Place) -> Iterator[tuple[Place, str, str]]:
    """Yield (place, text, what is expected instead) of each text inside `value` that no value may hold."""
    if isinstance(value, str):
        expected = _instead_of(value)
        if expected:
            yield place, value, expected
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _odd_texts(item, (*place, number))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _odd_texts(key, place)
            yield from _odd_texts(item, (*place, str(key)))


def _instead_of(text: str) -> str | None:
    quote = next((char for char in text if char in TYPOGRAPHIC_QUOTES), None)
    if quote:
        return f"plain quotes; {quote} is a typographic quote, as word processors make them"
    # Not only newline and NUL: U+202E and its like change what a person sees in a plan.
    if any(not char.isprintable() and char != "\t" for char in text):
        return "text on one line, without control characters"
    return None
