"""What rpm lacks for packages, and which packages of a set offer it: for hosts with neither dnf nor yum. Pure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from staithe.rpm.nevra import Nevra
from staithe.rpm.repomd import require_root

_COMMON = "{http://linux.duke.edu/metadata/common}"
_RPM = "{http://linux.duke.edu/metadata/rpm}"
_FILELISTS = "{http://linux.duke.edu/metadata/filelists}"
_NEEDED = re.compile(r"(?P<what>.+) is needed by (?P<installed>\(installed\) )?(?P<by>\S+)")
# rpm's own words around it.
_WORDS = re.compile(r"error: Failed dependencies:|warning: .*|Preparing.*|Verifying.*|")


@dataclass(frozen=True)
class Lacking:
    """What `rpm -U --test` complains of."""

    # What packages that are to come need, as rpm writes it: a name, a file or a library, maybe with a version.
    needed: tuple[str, ...]
    # What no further package mends, and all that is not understood.
    obstacles: tuple[str, ...]


def read_lacking(said: str) -> Lacking:
    """Read what rpm says on stderr, in the C locale."""
    needed: dict[str, None] = {}
    obstacles: dict[str, None] = {}
    for line in map(str.strip, said.splitlines()):
        found = _NEEDED.fullmatch(line)
        if found and not found["installed"]:
            needed[found["what"]] = None
        elif not _WORDS.fullmatch(line):
            obstacles[line] = None
    return Lacking(tuple(needed), tuple(obstacles))


def offers(primary: bytes, filelists: bytes, where: str) -> dict[str, tuple[str, ...]]:
    """Return what each capability and file is offered by: NEVRAs, in the order of the metadata.

    Raises RepositoryError for what are no metadata. `where` names them.
    """
    require_root(primary, b"<metadata", where)
    require_root(filelists, b"<filelists", where)
    found: dict[str, list[str]] = {}
    for package in ET.fromstring(primary).iter(f"{_COMMON}package"):  # noqa: S314 - no DOCTYPE
        nevra = _nevra(package, _COMMON)
        provides = package.findall(f"{_COMMON}format/{_RPM}provides/{_RPM}entry")
        for name in {entry.get("name", "") for entry in provides}:
            found.setdefault(name, []).append(nevra)
    for package in ET.fromstring(filelists).iter(f"{_FILELISTS}package"):  # noqa: S314 - no DOCTYPE
        nevra = _nevra(package, _FILELISTS)
        for file in package.findall(f"{_FILELISTS}file"):
            found.setdefault(file.text or "", []).append(nevra)
    return {name: tuple(nevras) for name, nevras in found.items()}


def offering(what: str, offered: Mapping[str, tuple[str, ...]], taken: Collection[str] = ()) -> str | None:
    """Return a package that offers what rpm lacks, and is not taken yet; None when none does.

    Of `(a or b)` it is the first that is there.
    """
    words: Iterable[str] = (
        re.findall(r"[^\s()]+(?:\(.*?\))*", what) if what.startswith("(") else [what.split(maxsplit=1)[0]]
    )
    return next((nevra for word in words for nevra in offered.get(word, ()) if nevra not in taken), None)


def speaks_of(line: str, nevra: str) -> bool:
    """Tell whether rpm names just this package in a line: without the epoch, maybe without the architecture."""
    one = Nevra.parse(nevra)
    name = re.escape(f"{one.name}-{one.version}-{one.release}")
    return re.search(rf"(?<!\S){name}(\.{re.escape(one.arch)})?(?!\S)", line) is not None


def _nevra(package: ET.Element, space: str) -> str:
    version = package.find(f"{space}version")
    assert version is not None
    name, arch = package.get("name"), package.get("arch")
    if space == _COMMON:
        name, arch = package.findtext(f"{space}name"), package.findtext(f"{space}arch")
    epoch = version.get("epoch", "0")
    return str(Nevra.parse(f"{name}-{epoch}:{version.get('ver')}-{version.get('rel')}.{arch}"))
