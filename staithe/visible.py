"""Makes text that others wrote fit to be shown: what would steer a terminal is spelled out."""

from __future__ import annotations

import re

# C0 but for tab and newline, DEL and C1 (U+009B alone begins a sequence); line and paragraph separators; marks that
# turn the direction of writing, with which a line can be made to read as another; halves of surrogate pairs, which no
# stream can write.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return `text` with every steering character as its escape, such as `\x1b`."""
    return _STEERING.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)
