"""The console that people read."""

from __future__ import annotations

from typing import Any

from rich.console import Console


def console_for(**settings: Any) -> Console:
    """Return a console. Ids and addresses hold colons, and the ":b:" in one must not become a picture."""
    return Console(highlight=False, emoji=False, **settings)
