"""What a check looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from staithe.config import Config
from staithe.desired import Desired
from staithe.probe.state import HostState

# Message, found, expected, and the command to type next.
Found = Iterator[tuple[str, str, str, str | None]]


@dataclass(frozen=True)
class Check:
    """One check: its code, and its explanation for `staithe explain`."""

    code: str
    find: Callable[[HostState, Config, Desired], Found]

    @property
    def doc(self) -> str:
        return self.find.__doc__ or ""
