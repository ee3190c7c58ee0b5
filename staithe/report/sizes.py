"""Sizes as people read them."""

from __future__ import annotations


def size(size_bytes: int) -> str:
    """Return a size in KiB, MiB or GiB."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes / 1024:.1f} KiB"
