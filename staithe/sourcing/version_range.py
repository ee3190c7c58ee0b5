"""Which engine versions a description accepts: "28.5.2", "28.5", "28", or ">=28.3, <29"."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_NUMBERS = r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}"
_BOUND = re.compile(rf"(>=|<=|>|<|=)?\s*({_NUMBERS})")
_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class VersionRange:
    """Bounds that a version must keep, all of them."""

    bounds: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Read a range; raises ValueError."""
        bounds = []
        for part in text.split(","):
            match = _BOUND.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"{text!r} is no range of versions")
            bounds.append((match[1] or "=", tuple(int(number) for number in match[2].split("."))))
        return cls(tuple(bounds))

    @property
    def exact(self) -> str | None:
        """The one version that is meant, when all three numbers are given."""
        if len(self.bounds) == 1 and self.bounds[0][0] == "=" and len(self.bounds[0][1]) == 3:
            return ".".join(str(number) for number in self.bounds[0][1])
        return None

    def accepts(self, version: str) -> bool:
        """Tell whether a version is inside; preliminary ones (28.0.0-rc.1) never are."""
        numbers = version_numbers(version)
        if numbers is None:
            return False
        for sign, bound in self.bounds:
            # "28.5" as a version means all that begin with it.
            if sign == "=":
                if numbers[: len(bound)] != bound:
                    return False
            elif not _COMPARE[sign](numbers, bound + (0,) * (3 - len(bound))):
                return False
        return True

    def newest(self, versions: Iterable[str]) -> str | None:
        """Return the newest version inside; None when there is none."""
        inside = [(version_numbers(one) or (), one) for one in versions if self.accepts(one)]
        return max(inside)[1] if inside else None


def version_numbers(version: str) -> tuple[int, ...] | None:
    """Return the three numbers of a released version; None for anything else."""
    match = re.fullmatch(r"([0-9]+)\.([0-9]+)\.([0-9]+)", version)
    return tuple(int(number) for number in match.groups()) if match else None
