"""What a person asks for by name, as candidates for the solver: read in the order of dnf (hy-subject.cpp)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from staithe.rpm import libsolv

_EVR = r"(?:(?P<epoch>[0-9]{1,9}):)?(?P<version>[^:(/=<>\s-]+)"
_NAME = r"(?P<name>[^:(/=<>\s]+)"
_ARCH = r"\.(?P<arch>[^.:(/=<>\s-]+)"
_RELEASE = r"-(?P<release>[^:(/=<>\s-]+)"
# dnf tries these in turn, and takes the first that finds something: NEVRA, NA, N, NEVR, NEV.
_FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        f"{_NAME}-{_EVR}{_RELEASE}{_ARCH}",
        f"{_NAME}{_ARCH}",
        _NAME,
        f"{_NAME}-{_EVR}{_RELEASE}",
        f"{_NAME}-{_EVR}",
    )
)
_CAPABILITY = re.compile(r"(?P<name>\S+)(?:\s*(?P<flag><=|>=|<|>|=)\s*(?P<evr>\S+))?", re.ASCII)


class Candidates:
    """Looks packages up in a pool whose provides are ready; `excluded` ones are not seen."""

    def __init__(self, pool: Any, excluded: set[int]) -> None:
        self._pool = pool
        self._excluded = excluded
        self._solv = libsolv.load()
        # Not by what they provide: those of a foreign architecture provide nothing, but dnf sees them.
        self._by_nameid: dict[int, list[Any]] = {}
        for solvable in pool.solvables_iter():
            self._by_nameid.setdefault(solvable.nameid, []).append(solvable)

    def of(self, spec: str) -> list[int]:
        """Return the ids of the packages one of which fulfils `spec`: its obsoleters too when it is just a name."""
        for form in _FORMS:
            match = form.fullmatch(spec)
            if match is None:
                continue
            parts = match.groupdict()
            if parts.get("arch") and not self._is_arch(parts["arch"]):
                continue
            if found := self._seen(self._by_name(parts)):
                just_name = set(parts) == {"name"}
                return sorted({*found, *(self.obsoleters(found) if just_name else ())})
        return sorted(self._seen(self._by_capability(spec)) or self._seen(self._by_path(spec)))

    def obsoleters(self, targets: Iterable[int]) -> set[int]:
        """Return the packages that obsolete one of `targets`."""
        wanted = set(targets)
        names = {self._pool.id2solvable(target).nameid for target in wanted}
        found = set()
        for solvable in self._pool.solvables_iter():
            if solvable.id in self._excluded:
                continue
            for dep in solvable.lookup_deparray(self._solv.SOLVABLE_OBSOLETES):
                if any(
                    other.id in wanted and other.nameid in names and other.matchesdep(self._solv.SOLVABLE_NAME, dep)
                    for other in self._pool.whatprovides(dep)
                ):
                    found.add(solvable.id)
        return found

    def _seen(self, solvables: Iterable[Any]) -> set[int]:
        sources = (self._solv.ARCH_SRC, self._solv.ARCH_NOSRC)
        return {one.id for one in solvables if one.id not in self._excluded and one.archid not in sources}

    def _by_name(self, parts: dict[str, str | None]) -> Iterator[Any]:
        for solvable in self._by_nameid.get(self._pool.str2id(parts["name"], False), ()):
            if parts.get("arch") and solvable.arch != parts["arch"]:
                continue
            if parts.get("version") and not self._has_version(solvable, parts):
                continue
            yield solvable

    def _has_version(self, solvable: Any, parts: dict[str, str | None]) -> bool:
        epoch, found, _ = solvable.evr.partition(":")
        mine = epoch if found else "0"
        if parts["epoch"] is not None and int(parts["epoch"]) != int(mine):
            return False
        release = parts.get("release")
        wanted = f"{mine}:{parts['version']}" + (f"-{release}" if release else "")
        dep = self._pool.Dep(parts["name"]).Rel(self._solv.REL_EQ, self._pool.Dep(wanted))
        return bool(solvable.matchesdep(self._solv.SOLVABLE_NAME, dep))

    def _by_capability(self, spec: str) -> list[Any]:
        match = _CAPABILITY.fullmatch(spec)
        if match is None:
            return []
        dep = self._pool.Dep(match["name"])
        if match["flag"]:
            flags = {"<": self._solv.REL_LT, "=": self._solv.REL_EQ, ">": self._solv.REL_GT}
            dep = dep.Rel(sum(flags[letter] for letter in match["flag"]), self._pool.Dep(match["evr"]))
        return list(self._pool.whatprovides(dep))

    def _by_path(self, spec: str) -> list[Any]:
        if not spec.startswith("/"):
            return []
        flags = self._solv.Selection.SELECTION_FILELIST
        return list(self._pool.select(spec, flags | self._solv.Selection.SELECTION_WITH_DISABLED).solvables())

    def _is_arch(self, arch: str) -> bool:
        return arch in ("src", "nosrc") or bool(self._pool.isknownarch(self._pool.str2id(arch)))


def matching(pool: Any, patterns: Iterable[str], repository: str | None = None) -> set[int]:
    """Return the ids of the packages that `--exclude PATTERN` hides.

    Patterns are of NAME, NAME.ARCH, or NAME-[EPOCH:]VERSION[-RELEASE[.ARCH]].
    """
    wanted = list(patterns)
    versioned = [one for one in wanted if re.search("-[0-9]", one)]
    if not wanted:
        return set()
    known: dict[tuple[int, int], bool] = {}
    found = set()
    for solvable in pool.solvables_iter():
        if repository is not None and solvable.repo.name != repository:
            continue
        key = (solvable.nameid, solvable.archid)
        if key not in known:
            label = f"{solvable.name}.{solvable.arch}"
            known[key] = any(fnmatchcase(label, one) or fnmatchcase(solvable.name, one) for one in wanted)
        if known[key] or (versioned and _has_label(solvable, versioned)):
            found.add(solvable.id)
    return found


def _has_label(solvable: Any, patterns: list[str]) -> bool:
    name, evr = solvable.name, solvable.evr
    if not any(one.startswith(f"{name}-") for one in patterns):
        return False
    epoch, _, rest = evr.rpartition(":")
    version = rest.rpartition("-")[0] or rest
    heads = ("", f"{epoch or 0}:")
    labels = [f"{name}-{head}{tail}" for head in heads for tail in (version, rest, f"{rest}.{solvable.arch}")]
    return any(fnmatchcase(label, one) for label in labels for one in patterns)
