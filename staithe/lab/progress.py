"""Saying what a long step does: a spinner on a terminal, one quiet line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_WORTH_SAYING_S = 0.5


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Show a step while it runs; the value it gives says what it is at."""
    from rich.console import Console

    console = Console(highlight=False)
    began = time.monotonic()
    if console.is_terminal:
        with console.status(title) as spinner:
            yield lambda text: spinner.update(f"{title}: {text}")
    else:
        yield lambda text: console.print(f"{title}: {text}", soft_wrap=True)
    took = time.monotonic() - began
    if took >= _WORTH_SAYING_S:
        console.print(f"{title}: done in {took:.1f} s")
