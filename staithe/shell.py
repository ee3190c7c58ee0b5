"""Quoting for POSIX sh. The one place where a value becomes a part of a command."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def quote(value: str) -> str:
    """Return `value` as one shell word; refuse NUL, which no argument can hold."""
    if "\0" in value:
        raise ValueError("a NUL byte cannot be passed to a command")
    return shlex.quote(value)


def join(words: Iterable[str]) -> str:
    """Return the words as one command line, each quoted."""
    return " ".join(quote(word) for word in words)
