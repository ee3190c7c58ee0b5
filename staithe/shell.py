"""Quoting for POSIX sh. The one place that turns a value into a word of a command."""

from __future__ import annotations

from collections.abc import Iterable


def quote(value: str) -> str:
    """Return `value` as exactly one word of POSIX sh, whatever it holds.

    Raises ValueError for NUL, which no argument can carry.
    """
    if "\0" in value:
        raise ValueError("a shell word cannot hold a NUL character")
    return "'" + value.replace("'", "'\\''") + "'"


def join(argv: Iterable[str]) -> str:
    """Return one simple command made of `argv`, each argument quoted."""
    return " ".join(quote(arg) for arg in argv)
