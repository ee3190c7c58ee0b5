"""Chooses packages for one kind of host. Pure: from metadata that are here to exact packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from staithe.errors import LockError, Unsolvable
from staithe.rpm.closure import EXCLUDED, Package, Request
from staithe.rpm.nevra import Nevra
from staithe.rpm.repository import Repository
from staithe.rpm.solver import offered, resolve, without_match
from staithe.sourcing.bases import KnownBase
from staithe.sourcing.description import ENGINE_PACKAGE, PLUGINS, Description
from staithe.sourcing.lock_file import Lock
from staithe.sourcing.repository_download import FetchedRepository
from staithe.sourcing.target import Target
from staithe.sourcing.version_range import VersionRange

# These come in the engine's own version.
_OF_THE_ENGINE = (ENGINE_PACKAGE, "docker-ce-cli", "docker-ce-rootless-extras")


@dataclass(frozen=True)
class Upgrade:
    """What `bundle lock` may change although the former lock would do."""

    names: frozenset[str] = frozenset()
    everything: bool = False

    @property
    def engine(self) -> bool:
        return self.everything or bool(self.names & {"engine", *_OF_THE_ENGINE})


def choose_engine(description: Description, former: Lock | None, upgrade: Upgrade, offers: Sequence[set[str]]) -> str:
    """Return the engine's version: the former one while it will do, else the newest that all `offers` have.

    `offers`: the versions that each place has which must have it (a kind of host, a folder of static archives).
    Raises LockError.
    """
    assert description.engine is not None
    wanted = VersionRange.parse(description.engine.version)
    everywhere = set.intersection(*offers) if offers else set()
    kept = former.engine if former is not None and not upgrade.engine else None
    if kept is not None and wanted.accepts(kept) and kept in everywhere:
        return kept
    found = wanted.newest(everywhere)
    if found is None:
        inside = sorted(version for version in set().union(*offers) if wanted.accepts(version))
        raise LockError(
            f"no engine version {description.engine.version} is offered",
            found=f"not everywhere: {', '.join(inside)}" if inside else _newest_few(set().union(*offers)),
            hint="correct engine.version in bundle.toml, or add the repository that has it",
        )
    return found


def engine_versions(repositories: Sequence[Repository], target: Target) -> set[str]:
    """Return the versions of the engine's package that repositories offer for a kind of host."""
    return {nevra.version for nevra in offered(repositories, ENGINE_PACKAGE, target.arch)}


def choose_packages(
    description: Description,
    engine: str | None,
    target: Target,
    repositories: Sequence[Repository],
    former: Lock | None,
    upgrade: Upgrade,
    known: KnownBase | None = None,
) -> tuple[Package, ...]:
    """Return the closure of all packages that are wanted; raises Unsolvable and what the solver raises.

    `known`: what such hosts have; None: nothing.
    """
    names = [*_engine_names(description, engine), *description.packages.extra]
    _check_pins(description, target, repositories)
    request = Request(
        names=tuple(names),
        arch=target.arch,
        platform=target.platform,
        excluded=(*EXCLUDED, *description.packages.exclude),
        locked=() if upgrade.everything else _former_packages(former, target, engine),
        upgrade=upgrade.names,
        weak_dependencies=description.packages.weak_dependencies,
    )
    try:
        return resolve(request, repositories, known.base if known is not None else None).packages
    except Unsolvable as error:
        where = target.name if known is None else f"{target.name}, on the base {known.path}"
        raise Unsolvable(error.problems, where=where, hint=error.hint or _hint(known)) from error


def _hint(known: KnownBase | None) -> str:
    if known is None:
        return "add the repository that has what is missing to bundle.toml"
    return (
        "what the hosts have changed by now? staithe bundle base INVENTORY   "
        "# or add the repository that has what is missing to bundle.toml"
    )


def idle_excludes(description: Description, fetched: Sequence[FetchedRepository]) -> tuple[str, ...]:
    """Say which excludes leave nothing out: a mistyped one would look as if it did."""
    everywhere = [one.metadata for one in fetched]
    found = [f"packages.exclude: {one}" for one in without_match(everywhere, description.packages.exclude)]
    for wish in description.repository:
        its = [one.metadata for one in fetched if one.wish.id == wish.id]
        found += [f"exclude of [[repository]] {wish.id}: {one}" for one in without_match(its, wish.exclude)]
    return tuple(f"{one} fits no package that is offered, so it leaves nothing out" for one in found)


def _engine_names(description: Description, engine: str | None) -> Iterable[str]:
    if description.engine is None or "rpm" not in description.engine.sources:
        return
    pins: Mapping[str, str] = {str(name): version for name, version in description.engine.pins.items()}
    plugins = [PLUGINS[plugin] for plugin in description.engine.plugins]
    for name in (ENGINE_PACKAGE, "docker-ce-cli", "containerd.io", *plugins):
        version = engine if name in _OF_THE_ENGINE else pins.get(name)
        yield f"{name}-{version}" if version is not None else name


def _check_pins(description: Description, target: Target, repositories: Sequence[Repository]) -> None:
    """Raise LockError for a pinned version that nobody offers: the solver would only say that there is none."""
    for name, pin in description.engine.pins.items() if description.engine is not None else ():
        found = offered(repositories, name, target.arch)
        versions = {one.version for one in found}
        if pin not in versions | {f"{one.version}-{one.release}" for one in found}:
            raise LockError(
                f"{name} {pin} is not offered for {target.name}",
                where=f"engine.pins.{name}",
                found=_newest_few(versions),
                hint="correct it in bundle.toml, or add the repository that has it",
            )


def _former_packages(former: Lock | None, target: Target, engine: str | None) -> tuple[Nevra, ...]:
    if former is None:
        return ()
    found = [Nevra.parse(one.nevra) for one in former.package if target.name in one.targets]
    return tuple(one for one in found if one.name not in _OF_THE_ENGINE or one.version == engine)


def _newest_few(versions: set[str]) -> str:
    known = sorted(versions, key=lambda one: [int(part) if part.isdigit() else -1 for part in one.split(".")])
    return ", ".join(reversed(known[-6:])) or "none at all"
