"""Which module streams are active, and which packages that hides: as libdnf does it (ModulePackageContainer.cpp).

Modules are packages of a pool of their own: they provide module(NAME:STREAM), require other modules and the platform,
and conflict with other builds of their name. The default streams are installed there; what comes along is active.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from staithe.rpm import libsolv
from staithe.rpm.modules import Default, ModuleMetadata, Stream
from staithe.rpm.nevra import Nevra


def default_streams(metadata: Iterable[ModuleMetadata]) -> dict[str, str]:
    """Return {module: default stream} over all repositories, merged one by one as libmodulemd does.

    What was modified later wins; of two of the same age that differ neither does, until a third one has its say.
    """
    merged: dict[str, Default] = {}
    for default in (default for one in metadata for default in one.defaults):
        known = merged.setdefault(default.module, default)
        stream = known.stream or default.stream
        if known.stream and default.stream and known.stream != default.stream:
            if default.modified == known.modified:
                stream = None
            elif default.modified > known.modified:
                stream = default.stream
        merged[default.module] = Default(default.module, stream, max(known.modified, default.modified))
    return {name: one.stream for name, one in merged.items() if one.stream}


def active_streams(metadata: Sequence[ModuleMetadata], platform: str, arch: str) -> list[Stream]:
    """Return the builds that are active on a host where nobody enabled or disabled a module.

    `platform` is NAME:STREAM, like platform:el8.
    """
    defaults = default_streams(metadata)
    # Among builds that are equally good the first counts; libdnf reads those with a static context first.
    streams = sorted((stream for one in metadata for stream in one.streams), key=lambda one: not one.static_context)
    wanted = [stream for stream in streams if defaults.get(stream.name) == stream.stream]
    if not wanted:
        return []
    solv = libsolv.load()
    pool = libsolv.new_pool(arch)
    repo = pool.add_repo("available")
    labels = _labels(streams)
    for stream, label in zip(streams, labels, strict=True):
        _add(pool, repo, stream, label)
    system = pool.add_repo("@System")
    name, _, version = platform.partition(":")
    _add(pool, system, Stream(name, version, 0, "00000000", "noarch", (), ()), platform)
    pool.installed = system
    pool.createwhatprovides()
    names = _solve(pool, [f"module({one.name}:{one.stream})" for one in wanted], solv.Job.SOLVER_INSTALL)
    return [stream for stream, label in zip(streams, labels, strict=True) if label in names]


def _solve(pool: Any, provides: Sequence[str], install: int) -> set[str]:
    """Install the streams: all of them; or else those that can be, for defaults are a wish."""
    job = libsolv.load().Job
    what = [pool.Dep(text) for text in provides]

    def run(how: int) -> tuple[Any, list[Any]]:
        solver = libsolv.new_solver(pool, weak_dependencies=True)
        jobs = [pool.Job(install | job.SOLVER_SOLVABLE_PROVIDES | how, dep.id) for dep in what]
        return solver, solver.solve(jobs)

    for how in (job.SOLVER_FORCEBEST, job.SOLVER_FORCEBEST | job.SOLVER_WEAK, job.SOLVER_WEAK):
        solver, problems = run(how)
        if not problems:
            return {solvable.name for solvable in solver.transaction().newsolvables()}
    return set()


def _labels(streams: Sequence[Stream]) -> list[str]:
    """Return for each build a name that it shares with those that are versions of it.

    These are the builds with the same static context, and the builds without one that require the same.
    """
    static: dict[str, str] = {}
    for stream in streams:
        if stream.static_context:
            static.setdefault(_needs(stream), f"{stream.name}:{stream.stream}:{stream.context}")
    return [
        f"{stream.name}:{stream.stream}:{stream.context}"
        if stream.static_context
        else static.get(_needs(stream), _needs(stream))
        for stream in streams
    ]


def _needs(stream: Stream) -> str:
    needs = sorted(f"{name}:[{','.join(sorted(allowed))}]" for name, allowed in stream.requires if name != "platform")
    return f"{stream.name}:{stream.stream}:{';'.join(needs) or 'NoRequires'}"


def _add(pool: Any, repo: Any, stream: Stream, label: str) -> None:
    solvable = repo.add_solvable()
    solvable.name = label
    solvable.evr = str(stream.version)
    solvable.arch = stream.arch
    solvable.add_provides(pool.Dep(f"module({stream.name})"))
    solvable.add_provides(pool.Dep(f"module({stream.name}:{stream.stream})"))
    # With all others of its name; nothing conflicts with what it provides itself.
    solvable.add_conflicts(pool.Dep(f"module({stream.name})"))
    for module, allowed in stream.requires:
        for one in allowed:
            if one.startswith("-"):
                solvable.add_conflicts(pool.Dep(f"module({module}:{one[1:]})"))
        choices = [pool.Dep(f"module({module}:{one})") for one in allowed if not one.startswith("-")]
        needed = choices[0] if choices else pool.Dep(f"module({module})")
        for choice in choices[1:]:
            needed = needed.Rel(libsolv.load().REL_OR, choice)
        solvable.add_requires(needed)


def hidden(pool: Any, metadata: Sequence[ModuleMetadata], active: Sequence[Stream], exempt: set[str]) -> set[int]:
    """Return the ids of the packages that module filtering hides.

    That are the packages of streams that are not active, and those that have, or provide, the name of a package of an
    active stream without being it. Repositories in `exempt` (module_hotfixes, the installed system) are left alone.
    """
    chosen = {id(stream) for stream in active}
    shown = {name for stream in active for name in stream.artifacts}
    unseen = {
        name for one in metadata for stream in one.streams if id(stream) not in chosen for name in stream.artifacts
    }
    taken = {nevra.name for nevra in _parsed(shown) if nevra.arch not in ("src", "nosrc")}
    shown_labels = {str(nevra) for nevra in _parsed(shown)}
    unseen_labels = {str(nevra) for nevra in _parsed(unseen)} - shown_labels
    providers = {solvable.id for name in taken for solvable in pool.whatprovides(pool.str2id(name))}
    found: set[int] = set()
    for solvable in pool.solvables_iter():
        if solvable.repo.name in exempt:
            continue
        label = f"{solvable.name}-{solvable.evr}.{solvable.arch}"
        if label in shown_labels:
            continue
        if label in unseen_labels or solvable.name in taken or solvable.id in providers:
            found.add(solvable.id)
    return found


def _parsed(labels: Iterable[str]) -> Iterable[Nevra]:
    for label in labels:
        try:
            yield Nevra.parse(label)
        except ValueError:
            continue  # names no package, so it hides none
