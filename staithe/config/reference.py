"""The reference of the configuration: `staithe config docs` and docs/config.md."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from staithe.config.keys import Key, keys_of
from staithe.config.root import Config
from staithe.config.section import Section

_WIDTH = 100

_INTRODUCTION = """\
<!-- Made by `staithe config docs`. Change the descriptions in staithe/config/, then run `make docs`. -->

# Configuration

A host is described by the sections below. Each is a dictionary of that name in the data that pyinfra has for the
host. It is put together from these layers, the later ones winning:

1. the defaults named here,
2. `group_data/all.py` beside the inventory file, for all hosts,
3. `group_data/GROUP.py`, for each group of the host, in the inventory's order
   (the inventory file's own name is a group too),
4. the data of the host in the inventory: `("web1", {"engine": {"version": "28.5.2"}})`.

Dictionaries are merged key by key, so a group may give `engine = {"version": "28.5.2"}` and nothing else. A list
replaces the list below it. `None` takes a value away that a lower layer gave; the default then applies.

`staithe config check INVENTORY` tells every mistake with its host and path. `staithe config show INVENTORY HOST`
prints what holds for a host, and which layer each value comes from.

Values have Python's types: `True`, not `"yes"`; `60`, not `"60"`. Names that staithe does not know are left alone
when they are your own variables, and refused when they look like a misspelled section or stand inside a section.
"""


def reference() -> str:
    """Return the whole reference as Markdown that is also fit to be read on a terminal."""
    parts = [_INTRODUCTION, ""]
    for key in keys_of(Config):
        if key.section is None:
            parts.append(key_text(key, "- "))
        else:
            parts.append(f"\n## {key.name}\n\n{section_text(key.section)}\n\n{keys_text(key.section)}")
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def section_text(section: type[Section]) -> str:
    """Return what a section's docstring says, in lines of the page's width."""
    paragraphs = textwrap.dedent("    " + (section.__doc__ or "")).strip().split("\n\n")
    return "\n\n".join(textwrap.fill(" ".join(p.split()), _WIDTH) for p in paragraphs)


def keys_text(section: type[Section]) -> str:
    """Return the keys of a section and of those inside it, as a list."""
    return "\n".join(_lines(section, ""))


def _lines(section: type[Section], indent: str) -> Iterator[str]:
    for key in keys_of(section):
        yield key_text(key, f"{indent}- ")
        if key.section is not None:
            yield from _lines(key.section, indent + "  ")


def key_text(key: Key, bullet: str) -> str:
    """Return one key as an item of a list: what it takes, whether it is needed, what it means."""
    facts = [key.words]
    if key.required:
        facts.append("required")
    elif key.default not in (None, {}, []):
        facts.append(f"default `{literal(key.default)}`")
    if key.example is not None:
        facts.append(f"for example `{literal(key.example)}`")
    sentence = f"{bullet}`{key.name}`: {'; '.join(facts)}. {key.description}"
    return textwrap.fill(
        sentence,
        _WIDTH,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def literal(value: Any) -> str:
    """Return a value as Python source with double quotes, as users write it."""
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
