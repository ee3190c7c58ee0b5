"""From a request and repositories to the closure that dnf would install, or to the reasons why there is none.

It is what `dnf --setopt=install_weak_deps=0 --setopt=best=1 --exclude='*.i?86' install NAMES` does on EL 8 to 10,
with the same solver and the same jobs. docs/decisions/0008 says how that is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any

from staithe.errors import RepositoryError, Unsolvable
from staithe.rpm import libsolv, streams
from staithe.rpm.base import Base
from staithe.rpm.closure import Closure, Package, Request
from staithe.rpm.nevra import Nevra
from staithe.rpm.repomd import checksum, safe_href
from staithe.rpm.repository import DEFAULT_COST, DEFAULT_PRIORITY, Repository
from staithe.rpm.specs import Candidates, matching

SYSTEM = "@System"
# dnf's default of installonlypkgs: several versions of these live side by side.
_INSTALL_ONLY = (
    *("kernel", "kernel-PAE", "installonlypkg(kernel)", "installonlypkg(kernel-module)"),
    *("installonlypkg(vm)", "multiversion(kernel)"),
)


def resolve(request: Request, repositories: Sequence[Repository], base: Base | None = None) -> Closure:
    """Return what has to be installed for `request`; on a host with `base`, or on one that has nothing.

    Among repositories of one priority and cost the first counts. Raises Unsolvable with all problems, RepositoryError
    for metadata that are not what they must be, SolverMissing.
    """
    pool = libsolv.new_pool(request.arch)
    if base is not None:
        pool.installed = base.load(pool, SYSTEM)
        # As dnf has it: what is installed must not rank before the repositories.
        pool.installed.priority, pool.installed.subpriority = -DEFAULT_PRIORITY, -DEFAULT_COST
    # dnf loads them in this order, and libsolv takes the first of equals.
    repositories = sorted(repositories, key=lambda one: (one.priority, one.cost))
    for repository in repositories:
        repository.load(pool)
    pool.addfileprovides()
    pool.createwhatprovides()
    excluded = _exclude(pool, request, repositories)
    solver = libsolv.new_solver(pool, weak_dependencies=request.weak_dependencies)
    problems = solver.solve(_jobs(pool, request, excluded))
    if problems:
        raise Unsolvable(libsolv.explain(problems))
    chosen = sorted((_package(one) for one in solver.transaction().newsolvables()), key=lambda one: str(one.nevra))
    return Closure(tuple(chosen))


def offered(repositories: Sequence[Repository], name: str, arch: str) -> tuple[Nevra, ...]:
    """Return what repositories have of a package for hosts of an architecture; raises RepositoryError."""
    pool = libsolv.new_pool(arch)
    for repository in repositories:
        repository.load(pool, with_files=False)
    found = {_nevra(one) for one in pool.solvables_iter() if one.name == name and one.installable()}
    return tuple(sorted(found, key=str))


def without_match(repositories: Sequence[Repository], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns of excludes that no package of the repositories fits."""
    if not patterns:
        return ()
    pool = libsolv.new_pool("noarch")
    for repository in repositories:
        repository.load(pool, with_files=False)
    return tuple(one for one in patterns if not matching(pool, [one]))


def newest_first(repositories: Sequence[Repository], name: str) -> tuple[tuple[str, Nevra], ...]:
    """Return (repository, package) of all that repositories have under a name, for whatever architecture."""
    pool = libsolv.new_pool("noarch")
    for repository in repositories:
        repository.load(pool, with_files=False)
    found = [one for one in pool.solvables_iter() if one.name == name and one.arch not in ("src", "nosrc")]
    ordered = sorted(found, key=cmp_to_key(_by_version), reverse=True)
    return tuple((one.repo.name, _nevra(one)) for one in ordered)


def _by_version(one: Any, other: Any) -> int:
    return int(one.evrcmp(other))


def _exclude(pool: Any, request: Request, repositories: Sequence[Repository]) -> set[int]:
    excluded = matching(pool, request.excluded)
    for repository in repositories:
        excluded |= matching(pool, repository.excluded, repository.id)
    _disable(pool, excluded)
    metadata = [repository.read_modules() for repository in repositories]
    if any(one.streams for one in metadata):
        exempt = {SYSTEM, *(repository.id for repository in repositories if repository.module_hotfixes)}
        active = streams.active_streams(metadata, request.platform, request.arch)
        excluded |= streams.hidden(pool, metadata, active, exempt)
        _disable(pool, excluded)
    return excluded


def _disable(pool: Any, excluded: set[int]) -> None:
    pool.set_disabled_list(sorted(excluded))
    pool.createwhatprovides()


def _jobs(pool: Any, request: Request, excluded: set[int]) -> list[Any]:
    job = libsolv.load().Job
    install = job.SOLVER_INSTALL | job.SOLVER_SOLVABLE_ONE_OF | job.SOLVER_SETARCH | job.SOLVER_SETEVR
    candidates = Candidates(pool, excluded)
    locked = _locked(pool, request)
    jobs, missing = [], []
    for name in request.names:
        found = candidates.of(name)
        if not found:
            missing.append([_no_match(pool, name)])
            continue
        kept = [one for one in found if one in locked]
        jobs.append(pool.Job(install | job.SOLVER_FORCEBEST, pool.towhatprovides(kept or found)))
    if missing:
        raise Unsolvable(missing, hint="is the repository that has it among them, and the version still there?")
    jobs += [pool.Job(job.SOLVER_FAVOR | job.SOLVER_SOLVABLE, one) for one in sorted(locked)]
    multiversion = job.SOLVER_MULTIVERSION | job.SOLVER_SOLVABLE_PROVIDES
    return jobs + [pool.Job(multiversion, pool.str2id(name)) for name in _INSTALL_ONLY]


def _locked(pool: Any, request: Request) -> set[int]:
    """Return the packages of the earlier closure that are to stay, where they are still offered."""
    wanted = {str(nevra) for nevra in request.locked if nevra.name not in request.upgrade}
    if not wanted:
        return set()
    return {one.id for one in pool.solvables_iter() if f"{one.name}-{one.evr}.{one.arch}" in wanted}


def _no_match(pool: Any, name: str) -> str:
    if any(letter in name for letter in "*?["):
        return f"{name} is a pattern; name the packages"
    if Candidates(pool, set()).of(name):
        return f"all packages for {name} are hidden: excluded, or of a module stream that is not active"
    return f"no repository has {name}"


def _package(solvable: Any) -> Package:
    solv = libsolv.load()
    nevra = _nevra(solvable)
    where = f"{solvable.repo.name}: {nevra}"
    digest = solvable.lookup_checksum(solv.SOLVABLE_CHECKSUM)
    href, _ = solvable.lookup_location()
    if solvable.lookup_str(solv.SOLVABLE_MEDIABASE):
        raise RepositoryError("the package lies outside its repository (xml:base)", where=where)
    return Package(
        nevra=nevra,
        repository=solvable.repo.name,
        href=safe_href(href or "", where),
        size_bytes=solvable.lookup_num(solv.SOLVABLE_DOWNLOADSIZE),
        checksum=checksum(digest.typestr() if digest else "", digest.hex() if digest else "", where),
        build_time=solvable.lookup_num(solv.SOLVABLE_BUILDTIME),
        source=solvable.lookup_sourcepkg() or "",
    )


def _nevra(solvable: Any) -> Nevra:
    evr = solvable.evr if ":" in solvable.evr else f"0:{solvable.evr}"
    return Nevra.parse(f"{solvable.name}-{evr}.{solvable.arch}")
