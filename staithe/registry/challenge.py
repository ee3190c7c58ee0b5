"""The header WWW-Authenticate (RFC 9110, 11.6.1): what a server wants to see before it answers. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
# A scheme, or a parameter with its value.
_ITEM = re.compile(rf'[\s,]*({_WORD})(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?')


@dataclass(frozen=True)
class Challenge:
    """One way to be let in. Names of schemes and parameters are in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Return the ways that a header offers; what is no challenge in it is passed over."""
    found: list[Challenge] = []
    at = 0
    while match := _ITEM.match(header, at):
        at = match.end()
        name, quoted, plain = match.groups()
        if quoted is None and plain is None:
            found.append(Challenge(name.lower()))
        elif found:
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1].parameters.setdefault(name.lower(), value)
    return tuple(found)
