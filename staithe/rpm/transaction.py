"""What dnf or yum is about to do, read from the table that it prints before it does it. Pure.

yum 3, dnf 4 and dnf 5 print the same columns under the same kinds of headings; none of the three has another form of
it that all have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Deed = Literal["install", "change", "remove"]

# The beginnings of headings, in lower case.
_DEEDS: tuple[tuple[str, Deed], ...] = (
    ("installing", "install"),
    ("reinstalling", "change"),
    ("upgrading", "change"),
    ("updating", "change"),
    ("downgrading", "change"),
    ("removing", "remove"),
    ("replacing", "remove"),
)
# Of modules, groups, and of what dnf leaves out: no package is touched below these.
_NO_DEEDS = (
    "enabling",
    "disabling",
    "switching",
    "resetting",
    "skipping",
    "marking",
    "installing group",
    "upgrading group",
)
_ARCHITECTURES = ("noarch", "x86_64", "aarch64", "i386", "i486", "i586", "i686")
_HEADING = re.compile(r"(?P<words>[A-Z][a-z]+(?: [a-z]+)*):")
_BEGIN = re.compile(r"\s*Package\s+Arch(itecture)?\s+Version\s+Repo")
_END = re.compile(r"Transaction Summary")


class Unreadable(ValueError):
    """The table is not as yum and dnf print it."""


@dataclass(frozen=True)
class Deal:
    """One package of a transaction."""

    deed: Deed
    name: str
    arch: str
    evr: str

    @property
    def nevra(self) -> str:
        return f"{self.name}-{self.evr}.{self.arch}"

    @property
    def file_name(self) -> str:
        """Return the name of its RPM; it has no epoch in it."""
        return f"{self.name}-{self.evr.rpartition(':')[2]}.{self.arch}.rpm"


def read_transaction(output: str) -> tuple[Deal, ...]:
    """Return what stands in the table; nothing where dnf has nothing to do. Raises Unreadable."""
    lines = output.splitlines()
    begin = next((at for at, line in enumerate(lines) if _BEGIN.match(line)), None)
    if begin is None:
        if any(_END.match(line) for line in lines):
            raise Unreadable("the table has no beginning")
        return ()
    deals: list[Deal] = []
    deed: Deed | None = None
    words: list[str] = []
    for line in lines[begin + 1 :]:
        heading = _HEADING.fullmatch(line.strip())
        if heading is None and not _END.match(line):
            # dnf breaks a row whose name is long.
            words += line.split()
            continue
        if deed is not None:
            deals += _rows(deed, words)
        words = []
        if heading is None:
            return tuple(deals)
        deed = _deed(heading["words"])
    raise Unreadable("the table has no end")


def _deed(heading: str) -> Deed | None:
    if heading.lower().startswith(_NO_DEEDS):
        return None
    for words, deed in _DEEDS:
        if heading.lower().startswith(words):
            return deed
    raise Unreadable(f"unknown heading {heading}")


def _rows(deed: Deed, words: list[str]) -> Iterable[Deal]:
    coming = ""
    for at, word in enumerate(words):
        if word == "replacing" and len(words) > at + 2:
            name, _, arch = words[at + 1].rpartition(".")
            if arch in _ARCHITECTURES:
                yield Deal("remove", name, arch, _evr(words[at + 2]))
            # dnf 5 writes name, architecture and version apart, and tells of what is changed its former version too.
            elif words[at + 1] != coming:
                yield Deal("remove", words[at + 1], words[at + 2], _evr("".join(words[at + 3 : at + 4])))
        elif word in _ARCHITECTURES and at > 0 and len(words) > at + 1 and (at < 2 or words[at - 2] != "replacing"):
            coming = words[at - 1]
            yield Deal(deed, coming, word, _evr(words[at + 1]))


def _evr(word: str) -> str:
    # dnf 5 writes an epoch always, the others where there is one.
    return word.removeprefix("0:")


def unwanted(
    deals: Iterable[Deal], *, engine: Iterable[str], may_change: Iterable[str], may_remove: Iterable[str]
) -> tuple[str, ...]:
    """Return what the transaction would do to packages that are none of its business, in words."""
    ours, changing, removing = set(engine), set(may_change), set(may_remove)
    found = []
    for deal in deals:
        if deal.deed == "change" and deal.name not in ours | changing:
            found.append(f"{deal.name} would become {deal.evr}")
        if deal.deed == "remove" and deal.name not in ours | removing:
            found.append(f"{deal.nevra} would be removed")
    return tuple(found)
