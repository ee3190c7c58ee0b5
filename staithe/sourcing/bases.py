"""The bases that bundle.toml names: files that `staithe bundle base` made of hosts."""

from __future__ import annotations

import glob
import hashlib
from dataclasses import dataclass
from pathlib import Path

from staithe.errors import UsageError
from staithe.rpm.base import Base
from staithe.rpm.base_file import SUFFIX, read_base_file
from staithe.sourcing.description import Targets
from staithe.sourcing.lock_file import LockedBase
from staithe.sourcing.target import Target

# A host with every package of a distribution has some tens of MiB.
_LIMIT_BYTES = 512 << 20


@dataclass(frozen=True)
class KnownBase:
    """A base that packages are resolved for."""

    locked: LockedBase
    path: Path
    base: Base

    @property
    def name(self) -> str:
        return self.locked.name


def base_paths(targets: Targets, folder: Path) -> dict[str, Path]:
    """Return the files that are named, by the names of their bases; raises UsageError for a pattern without any."""
    found: dict[str, Path] = {}
    for pattern in targets.bases:
        whole = str(folder.absolute() / Path(pattern).expanduser())
        paths = sorted(Path(one) for one in glob.glob(whole)) or ([Path(whole)] if Path(whole).is_file() else [])  # noqa: PTH207
        if not paths:
            raise UsageError(
                "targets.bases in bundle.toml names no file",
                found=pattern,
                hint="staithe bundle base INVENTORY   # writes them into bases/",
            )
        for path in paths:
            name = path.name.removesuffix(SUFFIX)
            if found.setdefault(name, path) != path:
                raise UsageError("two bases have one name", where=f"{found[name]} and {path}", hint="name only one")
    return found


def base_digests(targets: Targets, folder: Path) -> dict[str, str]:
    """Return the sha256 of each base's file."""
    return {name: hashlib.sha256(_content(path)).hexdigest() for name, path in base_paths(targets, folder).items()}


def read_bases(targets: Targets, folder: Path) -> dict[Target, list[KnownBase]]:
    """Read all bases; raises UsageError for one that is none, or is for other hosts than `targets` names."""
    found: dict[Target, list[KnownBase]] = {}
    for name, path in base_paths(targets, folder).items():
        content = _content(path)
        read = read_base_file(content.decode("utf-8", "replace"), str(path))
        target = Target(read.kind.major, read.kind.arch)
        if target.major not in targets.majors or target.arch not in targets.archs:
            raise UsageError(
                "the base is of hosts that the bundle is not for",
                where=str(path),
                found=target.name,
                expected=", ".join(f"el{major}-{arch}" for major in targets.majors for arch in targets.archs),
                hint="add it to majors and archs of [targets] in bundle.toml, or leave it out of bases",
            )
        try:
            locked = LockedBase(name=name, target=target.name, sha256=hashlib.sha256(content).hexdigest())
        except ValueError as error:
            raise UsageError(
                "the name of the file is no name for a base", where=str(path), expected="letters, digits and . _ + -"
            ) from error
        found.setdefault(target, []).append(KnownBase(locked, path, read.base))
    return found


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(content) > _LIMIT_BYTES:
        raise UsageError(f"more than {_LIMIT_BYTES >> 20} MiB is no base", where=str(path))
    return content
