"""What to know before agreeing to a plan: what the engine will refuse, lose, or do in another way. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from staithe import traps
from staithe.bundle.package_digests import without_sha256
from staithe.change import Change
from staithe.config import Config
from staithe.daemon.reload import keeps_containers
from staithe.desired import Desired
from staithe.engine import PACKAGES, PackagedEngine
from staithe.events import PlanWarning
from staithe.host_layout import DAEMON_JSON
from staithe.plan.packages import lost_packages
from staithe.probe.state import HostState
from staithe.rpm.nevra import Nevra
from staithe.support_matrix import version_tuple

# docker/cli docs/deprecated.md.
_REMOVED_DRIVERS = {"aufs": (24,), "overlay": (24,), "devicemapper": (25,)}
# With the containerd image store, which is the choice of fresh engines from this version on.
_CONTAINERD_STORE: tuple[int, ...] = (29,)
# rpm 4.14 is the first that writes SHA-256 digests; EL 7 has 4.11.
_FIPS_FROM = 8
_LOCAL_BIN = "/usr/local/bin/"


@dataclass(frozen=True)
class Way:
    """From what is on a host to what it is to be."""

    state: HostState
    config: Config
    desired: Desired
    # None: there is no engine, or nobody knows its version.
    before: str | None
    after: str | None
    changes: tuple[Change, ...] = ()

    @property
    def is_down(self) -> bool:
        return self.changes_minor and version_tuple(self.after or "") < version_tuple(self.before or "")

    @property
    def changes_minor(self) -> bool:
        if self.before is None or self.after is None:
            return False
        return version_tuple(self.before)[:2] != version_tuple(self.after)[:2]


# Text and source.
Found = Iterator[tuple[str, str]]


def ended_containers(way: Way) -> Found:
    """live-restore is on, and the running containers end all the same.

    It keeps containers over a restart and over patch versions (28.5.1 to 28.5.2) only. Across others they end, and
    start again by their restart policy.
    """
    docker = way.state.docker
    if docker is None or not docker.live_restore or not docker.containers_running:
        return
    if way.changes_minor and keeps_containers(way.desired.files[DAEMON_JSON].text):
        count = docker.containers_running
        yield (
            f"live-restore holds over patch versions only: {count} running container{'' if count == 1 else 's'} "
            f"will end on the way from {way.before} to {way.after}",
            "docs.docker.com/engine/daemon/live-restore",
        )


def downgrade(way: Way) -> Found:
    """The engine becomes an older one, which may not read what the newer one has written.

    Docker supports no way back over minor versions. Volumes survive; containers, networks and images may have to be
    made again. Patch versions share their formats.
    """
    if way.is_down:
        yield (
            f"{way.after} may not read what {way.before} has written: volumes survive, containers and images may "
            "have to be made again",
            "moby#38014, coreos/bugs#2196",
        )


def left_store(way: Way) -> Found:
    """The engine becomes an older one that does not look into containerd's image store by itself.

    Fresh engines from 29.0 on keep images and containers there. With `features.containerd-snapshotter=true` an engine
    from 24.0 on looks there too.
    """
    docker = way.state.docker
    after = version_tuple(way.after or "")
    if docker and docker.containerd_store and way.is_down and after < _CONTAINERD_STORE:
        features = way.config.daemon.daemon_json().get("features", {})
        if not features.get("containerd-snapshotter") or after < (24,):
            yield (
                f"images and containers are in containerd's store, and {way.after} does not look there by itself: "
                "features.containerd-snapshotter=true makes it, from 24.0 on",
                "moby#51215",
            )


def removed_driver(way: Way) -> Found:
    """The new engine no longer has the storage driver that images and containers were made with.

    It does not start, or starts with another driver and without them. Save what you need (`docker save`, `docker
    commit`; volumes survive), and choose overlay2 first.
    """
    driver = way.state.docker.storage_driver if way.state.docker else ""
    gone = _REMOVED_DRIVERS.get(driver)
    if gone and way.after and version_tuple(way.after) >= gone:
        yield (
            f"{way.after} has no storage driver {driver} any more: it does not start, or without the images and "
            "containers that are there",
            "docs.docker.com/engine/deprecated",
        )


def other_driver(way: Way) -> Found:
    """The storage driver becomes another one: images and containers made so far stay behind, and are not seen.

    They come back with the former driver. With several drivers' folders below data-root and none described, the
    engine refuses to start ("contains several valid graphdrivers").
    """
    now = way.state.docker.storage_driver if way.state.docker else ""
    wanted = way.config.daemon.daemon_json().get("storage-driver")
    if now and wanted and wanted != now:
        yield (
            f"images and containers made with {now} are not seen with {wanted}, and come back with {now}",
            "docs.docker.com/engine/storage/drivers/select-storage-driver",
        )


def no_way_back(way: Way) -> Found:
    """The files of packages that are there now were not kept on the host, and without them there is no way back.

    staithe keeps what it has installed itself. Where the engine comes from a repository, apply first asks the host's
    repositories for what somebody else has installed, and keeps it when it is the very same; it says when it is not
    to be had.
    """
    lost = lost_packages(way.state, way.changes)
    if lost:
        asks = way.config.engine.source == "repository" and way.state.packaging is not None
        unless = ", unless the host's repositories still have them" if asks else ""
        yield f"no rollback{unless}: {', '.join(lost)} not kept on the host", "/var/lib/staithe/packages"


def other_repository(way: Way) -> Found:
    """Another repository with Docker's packages is enabled, and nothing holds the engine's packages.

    `dnf update` may take another version from there. Hold them (`engine.hold`), or disable that repository.
    """
    if way.state.packaging is not None and not way.config.engine.hold:
        for one in way.state.packaging.repositories:
            yield f"`dnf update` may take the engine from [{one.section}], which is not staithe's", one.file


def rpm_alone(way: Way) -> Found:
    """The host has neither dnf nor yum, so rpm alone installs the bundle's packages.

    staithe adds from the bundle what rpm says that they need. What a package manager would note of them (which
    repository they came from, what was asked for) is not noted; `dnf history` does not know them.
    """
    packaging = way.state.packaging
    if packaging is not None and packaging.manager == "none" and way.config.engine.source == "rpm-bundle":
        yield "neither dnf nor yum is there: rpm alone installs the packages, and what they need", "rpm -U"


def forced(way: Way) -> Found:
    """`engine.force` is on: the engine's packages are installed whatever they need or replace.

    A dependency that is missing shows only when something does not run. Take it out of the configuration as soon as
    the bundle has what the host needs (`staithe bundle base`).
    """
    if way.config.engine.force:
        yield "engine.force: packages are installed whatever they need or replace", "rpm --force --nodeps"


def fips(way: Way) -> Found:
    """The host is in FIPS mode, where rpm verifies packages by SHA-256 alone, and packages come that may have none.

    What a repository has is not known before; of a bundle the packages are named, beside the engine's own, for which
    the host is refused (E324). rpm refuses them with "no digest", and the host stays as it is. `rpm -Kv FILE` lists
    the digests of a package.
    """
    engine = way.desired.engine
    coming = [one for one in way.changes if one.component == "packages" and one.kind in ("create", "update")]
    if not isinstance(engine, PackagedEngine) or not verifies_by_sha256(way.state):
        return
    if not any(one.target in PACKAGES for one in coming):
        return
    source = "rpm -Kv FILE"
    if engine.package_set is None:
        yield "FIPS: rpm refuses packages that have no SHA-256 of header and payload, should one come", source
        return
    others = [one for one in engine.package_set.packages if Nevra.parse(one.nevra).name not in engine.wanted]
    lacking = [one.nevra for one in without_sha256(way.desired.bundle, others)]
    if lacking:
        yield f"FIPS: rpm refuses {', '.join(lacking)} (no SHA-256), should the host need it", source


def verifies_by_sha256(state: HostState) -> bool:
    """Whether rpm takes nothing but SHA-256 here; on EL 7 no package has that, so FIPS asks for it from EL 8 on."""
    return state.packaging is not None and state.packaging.fips and state.os.major >= _FIPS_FROM


def shadowing(way: Way) -> Found:
    """Programs of an engine lie in /usr/local/bin, which most people's PATH has before /usr/bin.

    staithe puts its own where packages have theirs, and leaves these: people would go on with the old client. Take
    them away once the new engine runs.
    """
    paths = [one.path for one in way.state.engine.binaries.values() if one.path.startswith(_LOCAL_BIN)]
    if paths:
        yield f"{', '.join(sorted(paths))} stay, and come before /usr/bin in most search paths", f"ls -l {_LOCAL_BIN}"


_KINDS: dict[str, Callable[[Way], Found]] = {
    "W101": ended_containers,
    "W102": downgrade,
    "W103": left_store,
    "W104": removed_driver,
    "W105": other_driver,
    "W106": no_way_back,
    "W107": other_repository,
    "W108": fips,
    "W109": rpm_alone,
    "W110": forced,
    "W111": shadowing,
}


def warnings(
    state: HostState, config: Config, desired: Desired, planned: Sequence[Change]
) -> tuple[PlanWarning, ...]:
    """Return what is to be said of a plan; where nothing changes only what was consented to against all sense."""
    before = (state.docker.server_version if state.docker else None) or state.engine.version
    # What stands behind a plus is the builder's own.
    before = before and before.partition("+")[0]
    way = Way(state, config, desired, before, desired.engine.version, tuple(planned))
    own = [
        PlanWarning(code=code, text=text, source=source)
        for code, find in _KINDS.items()
        if planned or find is forced
        for text, source in find(way)
    ]
    return (*own, *_traps(way)) if planned else tuple(own)


def _traps(way: Way) -> Iterator[PlanWarning]:
    is_unknown = way.before is None and way.state.engine.origin != "none"
    if way.after is None or way.before == way.after or is_unknown:
        return
    before = version_tuple(way.before) if way.before is not None else None
    for trap in traps.TRAPS:
        if trap.is_met(way.state, way.config, before, version_tuple(way.after)):
            yield PlanWarning(code=trap.code, text=trap.text, source=trap.source)


def kinds() -> dict[str, str]:
    """Return all codes with their explanations."""
    own = {code: find.__doc__ or "" for code, find in _KINDS.items()}
    return {code: inspect.cleandoc(doc) for code, doc in (own | {one.code: one.doc for one in traps.TRAPS}).items()}
