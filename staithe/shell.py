"""Quoting for POSIX sh. The one place that turns a value into a word of a command."""

from __future__ import annotations

import re
from collections.abc import Iterable


def quote(value: str) -> str:
    """Return `value` as exactly one word of POSIX sh, whatever it holds.

    Raises ValueError for NUL, which no argument can carry.
    """
    if "\0" in value:
        raise ValueError("a shell word cannot hold a NUL character")
    return "'" + value.replace("'", "'\\''") + "'"


def word(value: str) -> str:
    """Return `value` as a person would type it in a command that is shown: quoted only where that is needed."""
    return value if re.fullmatch(r"[A-Za-z0-9_.,:/@%+=][A-Za-z0-9_.,:/@%+=-]*", value) else quote(value)


def join(argv: Iterable[str]) -> str:
    """Return one simple command made of `argv`, each argument quoted."""
    return " ".join(quote(arg) for arg in argv)
