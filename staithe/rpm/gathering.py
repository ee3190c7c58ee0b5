"""Gathers what hosts told of their packages into one base for each kind. Pure, but for the writing at the end."""

from __future__ import annotations

import base64
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from staithe.errors import UsageError
from staithe.events import AnyEvent, PackagesDumped, PackagesListed
from staithe.rpm.base_file import SUFFIX, base_text, read_base_file
from staithe.rpm.host_kind import HostKind


@dataclass(frozen=True)
class MadeBase:
    """A base that was made, and what its file was before."""

    kind: HostKind
    hosts: tuple[str, ...]
    packages: tuple[str, ...]
    left_out: tuple[str, ...]
    text: str

    @property
    def file_name(self) -> str:
        return f"{self.kind.name}{SUFFIX}"

    def write(self, folder: Path) -> bool:
        """Write the file, whole or not at all; tell whether it is another than before. Raises UsageError."""
        path = folder / self.file_name
        new = path.with_name(f".{path.name}.new")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.is_file() and path.read_bytes() == self.text.encode():
                return False
            try:
                new.write_bytes(self.text.encode())
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error
        return True


@dataclass
class Gathering:
    """Takes the events of a run."""

    _listed: defaultdict[HostKind, dict[str, frozenset[str]]] = field(default_factory=lambda: defaultdict(dict))
    _dumped: dict[HostKind, str] = field(default_factory=dict)
    _kinds: dict[str, HostKind] = field(default_factory=dict)

    def take(self, event: AnyEvent) -> None:
        """Take note of one event."""
        host = event.host or ""
        match event:
            case PackagesListed():
                kind = HostKind(event.release, event.arch, event.kernel, event.selinux_policy)
                self._kinds[host] = kind
                self._listed[kind][host] = frozenset(event.packages)
            case PackagesDumped() if self._kinds[host] not in self._dumped:
                self._dumped[self._kinds[host]] = zlib.decompress(base64.b64decode(event.dump)).decode()

    def bases(self) -> list[MadeBase]:
        """Return a base for each kind of which a host told everything."""
        return [self._base(kind) for kind in sorted(self._dumped)]

    def _base(self, kind: HostKind) -> MadeBase:
        listed = self._listed[kind]
        everywhere = frozenset.intersection(*listed.values())
        return MadeBase(
            kind=kind,
            hosts=tuple(sorted(listed)),
            packages=tuple(sorted(everywhere)),
            left_out=tuple(sorted(frozenset.union(*listed.values()) - everywhere)),
            text=base_text(kind, tuple(listed), self._dumped[kind], everywhere, frozenset.union(*listed.values())),
        )

    def superseded(self, folder: Path) -> list[str]:
        """Return the files in a folder whose hosts have all been asked, and are of other kinds by now."""
        made = {base.file_name for base in self.bases()}
        found = []
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if path.name in made:
                continue
            try:
                hosts = read_base_file(path.read_text(encoding="utf-8"), str(path)).hosts
            except (OSError, ValueError, UsageError):
                continue
            if set(hosts) <= self._kinds.keys():
                found.append(path.name)
        return found
