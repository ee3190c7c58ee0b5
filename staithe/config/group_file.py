"""group_data/all.py: every key with its description and default, as comments to uncomment."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from staithe.config.keys import Key, keys_of
from staithe.config.reference import literal
from staithe.config.root import Config

_WIDTH = 100

_HEAD = '''\
"""What holds for all hosts. Made by staithe from its own defaults: every key is here, most of them as comments.

A file group_data/GROUP.py beside this one says what differs for a group, and only that: sections are merged
key by key. `staithe config docs` is the reference, `staithe config check INVENTORY` looks for mistakes.
"""

from staithe.ssh import fast_transport

# How pyinfra reaches the hosts. An unknown host key is refused; ssh-keyscan HOST >> ~/.ssh/known_hosts adds one.
ssh_strict_host_key_checking = "yes"
# Small commands answer about 40 ms sooner, and big files travel faster.
ssh_paramiko_connect_kwargs = {"transport_factory": fast_transport}
# Everything runs as root. For hosts that you reach as root, write False.
_sudo = True
'''

# What nobody can do without stands there uncommented, with the value of its example.
_WRITTEN_OUT = {("engine", "bundle"), ("trust", "allowed_signers")}


def group_file() -> str:
    """Return the text of group_data/all.py."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for section in keys_of(Config):
        yield from _comment(section.description, "")
        if section.section is None:
            yield f"# {section.name} = {literal(section.default)}\n"
            continue
        yield f"{section.name} = {{"
        for key in keys_of(section.section):
            yield from _key(key, (section.name, key.name) in _WRITTEN_OUT)
        yield "}\n"


def _key(key: Key, written_out: bool) -> Iterator[str]:
    value = key.example if written_out or key.default in (None, [], {}) else key.default
    # A value tells its kind; where there is none to show, words do.
    words = f" ({key.words})" if value is None or key.words.startswith("one of") else ""
    yield from _comment(key.description + words, "    ")
    mark = "" if written_out else "# "
    line = f'    {mark}"{key.name}": {literal(value)},'
    if len(line) <= _WIDTH or not isinstance(value, dict):
        yield line
        return
    yield f'    {mark}"{key.name}": {{'
    yield from (f"    {mark}    {literal(name)}: {literal(item)}," for name, item in value.items())
    yield f"    {mark}}},"


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
