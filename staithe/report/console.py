"""The console of a run: it prints what hosts said, so no text of theirs may steer the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from staithe.visible import visible


class SafeConsole(Console):
    """A Console that spells out the control characters in all text; styles and its own cursor moves are no text."""

    def on_broken_pipe(self) -> None:
        """Go on without a reader: a run on hosts is not stopped because `head` has read enough."""
        self.quiet = True
        reader_is_gone(self.file)

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print; a terminal that was closed is a reader that is gone."""
        try:
            super().print(*objects, **settings)
        except OSError:
            self.on_broken_pipe()

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of anything that is printed: the one place that everything comes through."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def reader_is_gone(file: IO[str]) -> None:
    """Send what is still written to `file` nowhere, and say so on stderr."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, file.fileno())
    os.close(nowhere)
    if file is not sys.stderr:
        with suppress(OSError):
            sys.stderr.write("nobody reads the output any longer; the run goes on to its end\n")
            sys.stderr.flush()


def print_document(text: str) -> None:
    """Write a JSON document to stdout."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        reader_is_gone(sys.stdout)


def console_for(**settings: Any) -> SafeConsole:
    """Return a console. Ids and addresses hold colons, and the ":b:" in one must not become a picture."""
    return SafeConsole(highlight=False, emoji=False, **settings)
