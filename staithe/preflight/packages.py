"""What must hold of a host's package manager before packages are changed, and of what guards its programs."""

from __future__ import annotations

import operator
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from staithe.bundle.package_digests import without_sha256
from staithe.config import Config
from staithe.desired import Desired
from staithe.engine import PackagedEngine, StaticEngine
from staithe.host_layout import ENGINE_ROOT
from staithe.package_pattern import named_by, version_in
from staithe.plan import binaries
from staithe.plan.packages import in_the_way
from staithe.plan.warnings import verifies_by_sha256
from staithe.preflight.finding import Found
from staithe.probe.state import HostState, VersionLock
from staithe.rpm.nevra import Nevra
from staithe.support_matrix import version_tuple

# Of all that the engine needs only this one comes from the system's own repositories.
_OF_THE_SYSTEM = "container-selinux"
_DAY_S = 86_400
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def excludes(state: HostState, config: Config, desired: Desired) -> Found:
    """The engine's packages are due, and an `exclude` of yum or dnf, not staithe's own, leaves one out.

    It stands in dnf.conf or yum.conf or, of container-selinux, with a repository of the system. That another
    repository than staithe's leaves Docker's packages out does no harm. Somebody wrote the exclude on purpose, so
    staithe does not go around it. Take the pattern out on the host; staithe holds the engine's packages itself
    (`engine.hold`).
    """
    due = _due(state, desired)
    for one in state.packaging.excludes if state.packaging else ():
        # From the system's repositories comes one package only.
        of_section = due if one.section == "main" else due.keys() & {_OF_THE_SYSTEM}
        names = [n for n in named_by(one.pattern) if n in of_section and _speaks_of(one.pattern, n, due[n])]
        if not names:
            continue
        yield (
            f"{one.file} leaves {', '.join(names)} out",
            f"exclude={one.pattern} in [{one.section}]",
            "no exclude of the engine's packages",
            f"grep -n exclude {one.file}   # on the host: take {one.pattern} out",
        )


def version_locks(state: HostState, config: Config, desired: Desired) -> Found:
    """The engine's packages are due, and a versionlock that staithe did not write keeps one at another version.

    Entries that let the described version through do no harm. Take the others away on the host, or describe the
    version that they hold (`engine.version`); staithe holds the engine's packages itself (`engine.hold`).
    """
    due = _due(state, desired)
    for lock in state.packaging.version_locks if state.packaging else ():
        wanted = due.get(lock.package)
        if state.packaging and wanted is not None and not _lets_through(lock, wanted):
            tool = "yum" if state.packaging.manager == "yum" else "dnf"
            yield (
                f"{lock.package} is locked by {lock.file}",
                lock.entry,
                f"no lock, or one on {wanted}",
                f"{tool} versionlock delete {lock.package}   # on the host; or engine.version as it is locked",
            )


def rpm_busy(state: HostState, config: Config, desired: Desired) -> Found:
    """The engine's packages are due, and another process holds the rpm database: a dnf, yum or rpm at work.

    staithe neither waits for it, because nobody knows how long it works, nor ends it. Try again when it is done.
    """
    if state.packaging is None or not _are_due(state, config, desired):
        return
    for pid in dict.fromkeys(holder.pid for holder in state.packaging.holders):
        holder = next(one for one in state.packaging.holders if one.pid == pid)
        yield (
            "another process holds the rpm database",
            f"{holder.name or 'a process'} ({pid}) by {holder.path}",
            "nobody at work on packages",
            f"ps -o pid,etime,args -p {pid}   # on the host; again when it has ended",
        )


def rpm_database(state: HostState, config: Config, desired: Desired) -> Found:
    """rpm does not answer as it should, or has a package of the engine twice.

    A database that cannot be read is usually whole again after `rpm --rebuilddb`. Packages that are there twice were
    left by a transaction that was cut off; take the older ones out of the database. When it was staithe's own run
    that was cut off, its next one mends that.
    """
    text = state.odd.get("packages")
    if text:
        yield "rpm's answer cannot be read", text, "a line for each package", "rpm --rebuilddb   # on the host"
    if state.unfinished is not None or not isinstance(desired.engine, PackagedEngine):
        return
    for name, nevras in state.duplicates.items():
        hint = f"dnf remove --duplicates   # on the host; on EL7: package-cleanup --cleandupes; see rpm -q {name}"
        yield f"{name} is installed {len(nevras)} times", ", ".join(nevras), "once", hint


def usr_mount(state: HostState, config: Config, desired: Desired) -> Found:
    """Packages are to be installed and /usr is mounted read-only, or so that no program in it can run."""
    if state.packaging is None or not _are_due(state, config, desired):
        return
    for option, words in (("ro", "read-only"), ("noexec", "noexec")):
        if option in state.packaging.usr_options:
            wanted = "rw" if option == "ro" else "exec"
            yield f"/usr is mounted {words}", option, wanted, f"mount -o remount,{wanted} /usr   # on the host"


def clock(state: HostState, config: Config, desired: Desired) -> Found:
    """Packages are to be installed, and the host's clock is more than a day behind this machine's.

    Signatures that were made since would come from the future, and certificates not be valid yet: rpm and TLS refuse
    them, with words that do not name the clock. Set it, or let chronyd do so.
    """
    if not state.asked_at or not _are_due(state, config, desired):
        return
    if state.clock < state.asked_at - _DAY_S:
        yield (
            "the host's clock is behind",
            _date(state.clock),
            f"{_date(state.asked_at)}, as here, give or take a day",
            "chronyc makestep   # on the host, or: date -u -s '...'",
        )


def package_manager(state: HostState, config: Config, desired: Desired) -> Found:
    """The engine is to come from a repository, and the host has neither dnf nor yum."""
    if config.engine.source == "repository" and state.packaging and state.packaging.manager == "none":
        yield "there is no package manager", "neither dnf nor yum", "dnf or yum", "--set engine.source=rpm-bundle"


def fapolicyd(state: HostState, config: Config, desired: Desired) -> Found:
    """fapolicyd is enforcing, and does not trust the programs of a static engine.

    It lets only programs run that came with a package or that its administrator trusts, so the engine would not
    start. staithe does not widen a policy by itself. One rule for the folder of staithe's engines, which only root
    can write to, holds for upgrades and the way back too. With packages as the source nothing is to be done.
    """
    if (
        not isinstance(desired.engine, StaticEngine)
        or state.security.fapolicyd != "enforcing"
        or state.security.fapolicyd_trusts
    ):
        return
    if binaries.changes(state, desired):
        rule = f"allow perm=any all : dir={ENGINE_ROOT}/"
        yield (
            "fapolicyd would not let the engine run",
            "enforcing, without trust in the engine's folder",
            f"a rule for {ENGINE_ROOT}/",
            f"echo '{rule}' > /etc/fapolicyd/rules.d/20-staithe.rules && fagenrules --load   # on the host, as root",
        )


def fips(state: HostState, config: Config, desired: Desired) -> Found:
    """The host is in FIPS mode, and a package of the engine in the bundle has no SHA-256 of its header and payload.

    There rpm uses neither MD5 nor SHA-1, so it would find nothing to verify such a package by, and refuse it ("no
    digest"). `rpm -Kv FILE` lists the digests of a package. Packages that were built with rpm 4.14 or newer have
    them; choose a version of the package that was, in bundle.toml.
    """
    engine = desired.engine
    if not isinstance(engine, PackagedEngine) or engine.package_set is None or not verifies_by_sha256(state):
        return
    due = _due(state, desired)
    packages = [one for one in engine.package_set.packages if Nevra.parse(one.nevra).name in due]
    for one in without_sha256(desired.bundle, packages):
        yield (
            f"FIPS: rpm cannot verify {one.nevra}",
            "no SHA-256 of header and payload",
            "a package built with rpm 4.14 or newer",
            f"rpm -Kv {one.file_name}   # shows its digests; then engine.version or engine.pins in bundle.toml",
        )


def _due(state: HostState, desired: Desired) -> dict[str, str | None]:
    """Return the packages that have to come, with the version that each is to have; None: nobody has said."""
    engine = desired.engine
    if not isinstance(engine, PackagedEngine):
        return {}
    due = {name: _version(name, wish) for name, wish in engine.wanted.items() if not engine.is_installed(name, state)}
    if due and _OF_THE_SYSTEM not in state.packages:
        due[_OF_THE_SYSTEM] = None
    return due


def _are_due(state: HostState, config: Config, desired: Desired) -> bool:
    """Whether packages will come or go: a host that has its packages already is in nobody's way."""
    is_packaged = isinstance(desired.engine, PackagedEngine)
    return is_packaged and bool(_due(state, desired) or in_the_way(state, config))


def _version(name: str, wish: str | None) -> str | None:
    if wish is not None and wish.startswith(f"{name}-"):
        return Nevra.parse(wish).version
    return wish and wish.rpartition(":")[2].partition("-")[0]


def _speaks_of(pattern: str, package: str, wanted: str | None) -> bool:
    """Whether a pattern certainly speaks of the package in the version that it is to have."""
    version = version_in(pattern, package)
    if version is None or version == "*":
        return version == "*"
    return wanted is not None and fnmatchcase(wanted, version)


def _lets_through(lock: VersionLock, wanted: str) -> bool:
    if lock.comparator in _COMPARE:
        return bool(_COMPARE[lock.comparator](version_tuple(wanted), version_tuple(lock.version)))
    return fnmatchcase(wanted, lock.version) == (lock.comparator == "=")


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
