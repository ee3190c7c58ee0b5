"""The reference of bundle.toml: `staithe bundle docs` and docs/bundle-toml.md."""

from __future__ import annotations

from staithe.config.keys import keys_of
from staithe.config.reference import key_text, keys_text, section_text
from staithe.sourcing.description import Description

_INTRODUCTION = """\
<!-- Made by `staithe bundle docs`. Change the descriptions in staithe/sourcing/, then run `make docs`. -->

# bundle.toml

What a bundle shall hold. `staithe bundle init` writes one with comments; `staithe bundle lock` chooses exact versions
from it and writes bundle.lock beside it; both belong into git. Relative paths start at the folder of the file.
A key is looked up, checked and refused before anything is fetched: every mistake is told with its place.

`[[repository]]`, `[[image]]` and `[[registry]]` may stand several times. No secret stands in the file: `password` and
`proxy_password` name where it is, and registries' logins are those of `docker login`.
"""


def reference() -> str:
    """Return the whole reference as Markdown that is also fit to be read on a terminal."""
    parts = [_INTRODUCTION, ""]
    for key in keys_of(Description):
        if key.section is None:
            parts.append(key_text(key, "- "))
    for key in keys_of(Description):
        if key.section is not None:
            title = f"[[{key.name}]]" if key.words.startswith("a list") else f"[{key.name}]"
            parts.append(f"\n## {title}\n\n{section_text(key.section)}\n\n{keys_text(key.section)}")
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"
