"""The console of a run: it prints what hosts said, so no text of theirs may steer the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from staithe.visible import visible


class SafeConsole(Console):
    """A Console that spells out the control characters in all text; styles and its own cursor moves are no text."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of anything that is printed: the one place that everything comes through."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def console_for(**settings: Any) -> SafeConsole:
    """Return a console. Ids and addresses hold colons, and the ":b:" in one must not become a picture."""
    return SafeConsole(highlight=False, emoji=False, **settings)
