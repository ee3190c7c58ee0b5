"""One table of what was measured, and whether each target was met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

HEADS = ("", "figure", "floor", "ratio", "target", "")


@dataclass(frozen=True)
class Spread:
    """Several measures of one thing."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Keep the measures; there must be one at least."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(tuple(values))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, unit: str, digits: int = 2) -> str:
        """Return median and range, like `0.81 (0.79-0.90) s`."""
        low, high = min(self.values), max(self.values)
        span = f" ({low:.{digits}f}-{high:.{digits}f})" if len(self.values) > 1 else ""
        return f"{self.median:.{digits}f}{span} {unit}"


@dataclass(frozen=True)
class Target:
    """A bound that a value has to keep."""

    value: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""
    digits: int = 2

    @property
    def met(self) -> bool:
        # Compared as measured, not as printed: 1.604 is not 1.6.
        above = self.at_most is not None and not self.value <= self.at_most
        below = self.at_least is not None and not self.value >= self.at_least
        return not (above or below)

    def text(self) -> str:
        bound, word = (self.at_most, "at most") if self.at_most is not None else (self.at_least, "at least")
        return f"{word} {bound:g}{' ' if self.unit else ''}{self.unit}"


@dataclass(frozen=True)
class Row:
    """One line of the table; without a target it is there to be read."""

    what: str
    figure: str
    floor: str = ""
    ratio: str = ""
    target: Target | None = None

    @property
    def missed(self) -> bool:
        return self.target is not None and not self.target.met

    def cells(self) -> tuple[str, ...]:
        verdict = "" if self.target is None else "met" if self.target.met else "NOT MET"
        return (self.what, self.figure, self.floor, self.ratio, self.target.text() if self.target else "", verdict)


def compared(what: str, figure: str, floor: str, value: float, **bound: float) -> Row:
    """Make the row of a ratio and its bound (`at_most` or `at_least`)."""
    return Row(what, figure, floor, f"{value:.2f}", Target(value, **bound))  # type: ignore[arg-type]


def markdown(rows: Sequence[Row]) -> str:
    """Return the table as Markdown, with columns that line up."""
    # A bar would end its cell.
    lines = [HEADS, *(tuple(cell.replace("|", "\\|") for cell in row.cells()) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    text = []
    for line in lines:
        cells = " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        text.append(f"| {cells} |")
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
