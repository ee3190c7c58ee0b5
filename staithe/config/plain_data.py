"""Plain data: the kinds of values that JSON has, and no value that a reader of it may take for another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

Place = tuple[int | str, ...]

# Far deeper than daemon.json goes, far from where Python, pydantic and the engine give up.
DEPTH_LIMIT = 32
_INT64 = range(-(2**63), 2**63)


def odd_values(value: object, place: Place = ()) -> Iterator[tuple[Place, str, str]]:
    """Yield (place, found, expected) of everything inside `value` that is no plain data."""
    if len(place) > DEPTH_LIMIT:
        yield place[:4], "lists or dictionaries inside each other", f"at most {DEPTH_LIMIT} of them"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield (*place, _shown(key)), "a key that is no text", "a name in quotes"
            elif not _is_encodable(key):
                yield place, ascii(key[:40]), "names that UTF-8 can write"
            else:
                yield from odd_values(item, (*place, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from odd_values(item, (*place, number))
    elif (odd := _odd(value)) is not None:
        yield place, *odd


def _odd(value: object) -> tuple[str, str] | None:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value), "a number that JSON can write"
    if isinstance(value, int) and value not in _INT64:
        # Its digits are no message, and Python refuses to write very many of them.
        return f"a number of {value.bit_length()} bits", "a number of 64 bits at most"
    if isinstance(value, str) and not _is_encodable(value):
        return ascii(value[:40]), "text that UTF-8 can write"
    if value is None or isinstance(value, str | int | float):
        return None
    found = f"a value of Python's type {type(value).__name__}"
    return found, "text, a number, True or False, a list or a dictionary"


def _shown(key: object) -> str:
    try:
        return ascii(key)[:40]
    except (ValueError, RecursionError):
        return f"a {type(key).__name__}"


def _is_encodable(text: str) -> bool:
    # Half of a surrogate pair: what Python makes of bytes that are no UTF-8.
    return not any("\ud800" <= char <= "\udfff" for char in text)
