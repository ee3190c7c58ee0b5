"""The packages of a host, as one `rpm -qa` tells them: the installed system for the solver."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from staithe.errors import UsageError
from staithe.rpm import libsolv
from staithe.rpm.nevra import Nevra

# One line begins a package, one follows for each thing it has; fields end with tabs. EL 7's rpm knows these tags too.
QUERY_FORMAT = (
    r"P\t%{NAME}\t%{EPOCHNUM}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\n"
    r"[V\t%{PROVIDENAME}\t%{PROVIDEFLAGS:depflags}\t%{PROVIDEVERSION}\n]"
    r"[R\t%{REQUIRENAME}\t%{REQUIREFLAGS:depflags}\t%{REQUIREVERSION}\n]"
    r"[C\t%{CONFLICTNAME}\t%{CONFLICTFLAGS:depflags}\t%{CONFLICTVERSION}\n]"
    r"[O\t%{OBSOLETENAME}\t%{OBSOLETEFLAGS:depflags}\t%{OBSOLETEVERSION}\n]"
    r"[F\t%{FILENAMES}\n]"
)
_FLAG = re.compile(r"\s*(<=|>=|<|>|=)?\s*")
_KINDS = {"V": "provides", "R": "requires", "C": "conflicts", "O": "obsoletes"}
AGAIN = "staithe bundle base INVENTORY   # makes it again"


@dataclass(frozen=True)
class Dependency:
    """A capability with what may be said of its version; `name` may be a rich dependency in parentheses."""

    name: str
    flag: str
    evr: str


@dataclass(frozen=True)
class Installed:
    """One package as it is installed."""

    nevra: Nevra
    provides: tuple[Dependency, ...]
    requires: tuple[Dependency, ...]
    conflicts: tuple[Dependency, ...]
    obsoletes: tuple[Dependency, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Base:
    """Everything that is installed on a host."""

    packages: tuple[Installed, ...]

    def load(self, pool: Any, name: str) -> Any:
        """Add the packages to a pool and return libsolv's repository."""
        solv = libsolv.load()
        repo = pool.add_repo(name)
        files = repo.add_repodata()
        # libsolv reads rpm's database in this order, and the order decides among equals.
        for package in sorted(self.packages, key=lambda one: one.nevra.name):
            solvable = repo.add_solvable()
            solvable.name, solvable.evr, solvable.arch = package.nevra.name, package.nevra.evr, package.nevra.arch
            solvable.add_provides(_dep(pool, Dependency(package.nevra.name, "=", package.nevra.evr)))
            for kind in _KINDS.values():
                for dependency in getattr(package, kind):
                    getattr(solvable, f"add_{kind}")(_dep(pool, dependency))
            for path in package.files:
                folder, _, last = path.rpartition("/")
                files.add_dirstr(solvable.id, solv.SOLVABLE_FILELIST, files.str2dir(folder or "/"), last)
        repo.internalize()
        return repo


def parse(text: str, where: str) -> Base:
    """Read what `rpm -qa --qf QUERY_FORMAT` printed; raises UsageError with the line that is none of it."""
    packages: list[Installed] = []
    nevra: Nevra | None = None
    found: dict[str, list[Any]] = {}

    def close() -> None:
        if nevra is not None and nevra.name != "gpg-pubkey":
            packages.append(Installed(nevra, **{kind: tuple(found[kind]) for kind in (*_KINDS.values(), "files")}))

    for number, line in enumerate(text.split("\n"), 1):
        letter, *fields = line.split("\t")
        if letter == "P" and len(fields) == 5 and fields[1].isdecimal():
            close()
            name, epoch, version, release, arch = fields
            # rpm's own entries for keys have no architecture.
            nevra = Nevra(name, int(epoch), version, release, "noarch" if arch == "(none)" else arch)
            found = {kind: [] for kind in (*_KINDS.values(), "files")}
        elif letter in _KINDS and len(fields) == 3 and nevra is not None and _FLAG.fullmatch(fields[1]):
            # What rpm itself must be able to do is no package's business; libsolv leaves it out as well.
            if not fields[0].startswith("rpmlib("):
                found[_KINDS[letter]].append(Dependency(fields[0], fields[1].strip(), fields[2]))
        elif letter == "F" and len(fields) == 1 and nevra is not None and fields[0].startswith("/"):
            found["files"].append(fields[0])
        elif line and not (line.startswith("# ") and nevra is None):
            raise UsageError(
                f"line {number} is not what rpm was asked for", where=where, found=repr(line[:200]), hint=AGAIN
            )
    close()
    if not packages:
        raise UsageError("it lists no packages", where=where, hint=AGAIN)
    return Base(tuple(packages))


def _dep(pool: Any, dependency: Dependency) -> Any:
    if dependency.name.startswith("("):
        return pool.parserpmrichdep(dependency.name) or pool.Dep(dependency.name)
    dep = pool.Dep(dependency.name)
    if dependency.flag and dependency.evr:
        solv = libsolv.load()
        flags = {"<": solv.REL_LT, "=": solv.REL_EQ, ">": solv.REL_GT}
        return dep.Rel(sum(flags[sign] for sign in dependency.flag), pool.Dep(dependency.evr))
    return dep
