"""The engine's packages and their repository: installed, brought to another version, held, or in the way. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from staithe import base_repositories
from staithe.change import Change, Effect, Kind, change
from staithe.config import Config
from staithe.config.problems import masked
from staithe.desired import Desired
from staithe.engine import OLD_PACKAGES, PACKAGES, PackagedEngine
from staithe.host_layout import REPOSITORY_FILE, REPOSITORY_KEY, TRANSACTION
from staithe.plan import hold
from staithe.plan.files import file_changes
from staithe.plan.service import containers
from staithe.probe.state import HostState, ManagedFile
from staithe.repository_key import is_pinned
from staithe.rpm.nevra import Nevra, rpm_name
from staithe.support_matrix import version_tuple

_PASSWORD = re.compile(r"^(\s*(?:proxy_)?password\s*=\s*).*$", re.MULTILINE | re.IGNORECASE)
# What is brought to another version is restarted, by the service step.
_RESTARTING = {"docker-ce": "docker.service", "containerd.io": "containerd.service"}


def changes(state: HostState, config: Config, desired: Desired) -> tuple[Change, ...]:
    """Return what the packages need; with a static engine, which of them have to go."""
    engine = desired.engine
    if not isinstance(engine, PackagedEngine):
        removed = _removed(state, config, "the engine comes as a static archive")
        return (*_mended(state), *removed, *hold.changes(state, {}, hold=False))
    return (
        *_mended(state),
        *_in_the_way(state, config),
        *_repository(state, config, desired),
        *_installed(state, desired, engine),
        *hold.changes(state, held_packages(state, engine), hold=config.engine.hold),
    )


def _mended(state: HostState) -> Iterator[Change]:
    if state.is_cut_off:
        reason = (
            f"a transaction of run {state.unfinished or 'unknown'} was cut off: what was there before comes first"
        )
        yield change("packages", "remove", TRANSACTION, reason, effect="restart")


def held_packages(state: HostState, engine: PackagedEngine) -> dict[str, str]:
    """Return the engine's packages as they are installed: name -> NEVRA."""
    return {name: state.packages[name] for name in engine.wanted if name in state.packages}


def in_the_way(state: HostState, config: Config) -> tuple[str, ...]:
    """Return the packages that go before the engine's come: old engines, and what the configuration consents to."""
    names = (*OLD_PACKAGES, *config.engine.replace)
    return tuple(name for name in names if name in state.packages)


def lost_packages(state: HostState, planned: Iterable[Change]) -> tuple[str, ...]:
    """Return the NEVRAs of packages that are about to go or to change, and of which no file is kept."""
    gone = [
        state.packages[one.target]
        for one in planned
        if one.component == "packages" and one.kind in ("update", "remove") and one.target in state.packages
    ]
    return tuple(nevra for nevra in gone if rpm_name(nevra) not in state.kept_packages)


def _in_the_way(state: HostState, config: Config) -> Iterator[Change]:
    for name in in_the_way(state, config):
        reason = (
            "replace consents to it" if name in config.engine.replace else "an old engine's, in the way of the new"
        )
        yield change("packages", "remove", name, reason, before=_evr(state.packages[name]))


def gone_for_programs(state: HostState, config: Config) -> tuple[str, ...]:
    """Return the packages that give way to programs out of a static archive."""
    return (*(name for name in PACKAGES if name in state.packages), *in_the_way(state, config))


def _removed(state: HostState, config: Config, reason: str) -> Iterator[Change]:
    for name in gone_for_programs(state, config):
        effect: Effect = "restart" if name in _RESTARTING else "none"
        yield change("packages", "remove", name, reason, before=_evr(state.packages[name]), effect=effect)
    yield from _without_repository(state, reason)


def _without_repository(state: HostState, reason: str) -> Iterator[Change]:
    for path in (REPOSITORY_FILE, REPOSITORY_KEY):
        if state.files.get(path, ManagedFile()).exists:
            yield change("packages", "remove", path, reason)


def _repository(state: HostState, config: Config, desired: Desired) -> Iterator[Change]:
    if config.engine.source != "repository":
        yield from _without_repository(state, "the packages come in a bundle")
        return
    for one in file_changes("packages", REPOSITORY_FILE, desired.files[REPOSITORY_FILE], state):
        yield one.model_copy(update={"before": _concealed(one.before), "after": _concealed(one.after)})
    for path in base_repositories.paths(config.engine.repository.base):
        if path in desired.files:
            yield from file_changes("packages", path, desired.files[path], state)
    key = state.files.get(REPOSITORY_KEY, ManagedFile())
    pinned = config.engine.repository.fingerprints
    if not key.exists or not is_pinned(key.text or "", pinned):
        reason = "missing" if not key.exists else "holds a key that is not pinned"
        kind: Kind = "update" if key.exists else "create"
        yield change("packages", kind, REPOSITORY_KEY, reason, after=f"key {' or '.join(pinned)}")


def _concealed(text: str | None) -> str | None:
    """Return the text of a repository file without its passwords, whoever they are of."""
    return None if text is None else _PASSWORD.sub(r"\1***", masked(text))


def _installed(state: HostState, desired: Desired, engine: PackagedEngine) -> Iterator[Change]:
    for name, wish in engine.wanted.items():
        if engine.is_installed(name, state):
            continue
        found = state.packages.get(name)
        after = _evr(wish) if wish is not None and wish.startswith(f"{name}-") else wish
        rest: dict[str, str] = {}
        unit = _RESTARTING.get(name)
        # A package that is new may take the place of an engine that somebody else put there.
        if unit and (found is not None or unit in state.processes):
            rest = {"effect": "restart", "containers": containers(unit, state, desired)}
        if found is None:
            yield change("packages", "create", name, "not installed", after=after or "the newest", **rest)
            continue
        before = _evr(found)
        reason = _direction(before, after or "")
        yield change("packages", "update", name, reason, before=before, after=after, **rest)


def _direction(before: str, after: str) -> str:
    old, new = (version_tuple(text.rpartition(":")[2]) for text in (before, after))
    if old == new:
        return "another build of the version"
    return "upgrade" if new > old else "downgrade"


def _evr(nevra: str) -> str:
    return Nevra.parse(nevra).evr
