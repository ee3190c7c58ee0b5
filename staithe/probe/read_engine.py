"""Reads the sections that say which engine is on the host, and where it comes from."""

from __future__ import annotations

import re
from typing import Any

from staithe import host_layout
from staithe.probe.answer import Section
from staithe.probe.request import ProbeRequest
from staithe.probe.script import KEYS, PACKAGES
from staithe.probe.state import Engine, EngineBinary, HostState, Origin

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Packages of Docker Inc. and of Microsoft's moby; what else owns dockerd is the distribution's own.
_VENDOR_PACKAGES = ("docker-ce", "moby-engine")


def read_engine(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read the programs on PATH and those that staithe placed, and decide where the engine comes from.

    A docker-ce package that get.docker.com installed cannot be told from one that a person installed by hand: the
    script does just that (same repository file, same packages) and leaves no trace of its own. Both are "rpm".
    """
    odd = []
    placed_lines = section.before("foreign_begins")
    placed = _placed(placed_lines)
    sizes = {line.split(" ", 4)[4]: int(line.split(" ", 1)[0]) for line in section.values("placed")}
    directories = {path.removeprefix(f"{host_layout.ENGINE_ROOT}/").partition("/")[0] for path in sizes}
    unread = set(sizes) - set(placed)
    if unread:
        odd.append(f"no sha256 for {', '.join(sorted(unread))}")
    current = section.value("current")
    parent, _, name = current.rpartition("/")
    if current and parent != host_layout.ENGINE_ROOT:
        # Leading to nothing (somebody removed the directory) is no riddle: it is set again.
        odd.append(f"{host_layout.ENGINE_CURRENT} leads to {current}")
        name = ""
    foreign = section.after("foreign_begins")
    found = [value.partition(" ") for value in section.values("binary")]
    targets = section.values("target")
    owners = _owners(foreign, [t for t in targets if not _is_ours(t)])
    if owners is None:
        odd.append("rpm's answer about the owners of the engine's programs does not fit")
    for line in foreign.texts():
        if line.startswith("size "):
            _word, size, path = line.split(" ", 2)
            sizes[path] = int(size)
    binaries = {
        program: EngineBinary(
            path=path,
            target=target,
            sha256=placed.get(target),
            size_bytes=sizes.get(target, 0),
            package=(owners or {}).get(target),
        )
        for (program, _, path), target in zip(found, targets, strict=True)
    }
    origin = _origin(binaries)
    engine = Engine(
        origin=origin,
        version=_version(origin, binaries),
        binaries=binaries,
        placed=placed,
        directories=tuple(sorted(directories)),
        current=name or None,
    )
    return {"engine": engine, "odd": "; ".join(odd)}


def read_packages(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read which packages of an engine are installed, which of them twice, and which lie there for the way back."""
    packages: dict[str, str] = {}
    all_of: dict[str, list[str]] = {}
    keys: list[str] = []
    odd, answers = "", 0
    for line in section.texts():
        word, _, rest = line.partition(" ")
        answers += word == "package"
        if word == "package" and rest.endswith(" is not installed"):
            continue
        name, _, nevra = rest.partition(" ")
        if word == "package" and name == KEYS:
            # gpg-pubkey-ID-TIME: as many as rpm has keys.
            keys.append(nevra.removeprefix(f"{KEYS}-").partition("-")[0])
        elif word == "package" and name and nevra:
            packages[name] = nevra
            all_of.setdefault(name, []).append(nevra)
        elif line.strip():
            odd = odd or line.strip()
    if section.value("asked") and answers < len(PACKAGES):
        odd = odd or f"rpm answered for {answers} of {len(PACKAGES)} packages"
    duplicates = {name: tuple(nevras) for name, nevras in all_of.items() if len(nevras) > 1}
    kept = tuple(section.values("kept"))
    return {
        "packages": packages,
        "duplicates": duplicates,
        "kept_packages": kept,
        "package_keys": tuple(keys),
        "odd": odd,
    }


def version_of(nevra: str) -> str:
    """Return the version in NAME-[EPOCH:]VERSION-RELEASE.ARCH."""
    _name, version, _release = nevra.rsplit("-", 2)
    return version.rpartition(":")[2]


def _is_ours(target: str) -> bool:
    return target.startswith(f"{host_layout.ENGINE_ROOT}/")


def _placed(section: Section) -> dict[str, str]:
    placed = {}
    for line in (*section.values("stamp"), *section.texts()):
        sha256, _, path = line.partition("  ")
        if _SHA256.fullmatch(sha256) and path.startswith("/"):
            placed[path] = sha256
    return placed


def _owners(section: Section, targets: list[str]) -> dict[str, str | None] | None:
    """Return the package of each target; None when rpm answered something else than one line for each."""
    lines = [line for line in section.texts() if not line.startswith("size ") and line.strip()]
    if not lines:
        return {}
    if len(lines) != len(targets):
        return None
    owned = (line.removeprefix("owner ") if line.startswith("owner ") else None for line in lines)
    return dict(zip(targets, owned, strict=True))


def _origin(binaries: dict[str, EngineBinary]) -> Origin:
    daemon = binaries.get("dockerd")
    client = binaries.get("docker")
    if daemon is None:
        # podman-docker puts a script named docker where the client would go.
        emulated = client is not None and (client.package or "").startswith("podman-docker-")
        return "distribution" if emulated else "none"
    if _is_ours(daemon.target):
        return "staithe"
    if daemon.package is None:
        return "static"
    name = daemon.package.rsplit("-", 2)[0]
    return "rpm" if name in _VENDOR_PACKAGES else "distribution"


def _version(origin: Origin, binaries: dict[str, EngineBinary]) -> str | None:
    daemon = binaries.get("dockerd")
    if daemon is None:
        return None
    if origin == "staithe":
        directory = daemon.target.removeprefix(f"{host_layout.ENGINE_ROOT}/").partition("/")[0]
        named = re.fullmatch(r"(.+)-[0-9a-f]{12}", directory)
        return named.group(1) if named else None
    return version_of(daemon.package) if daemon.package else None
