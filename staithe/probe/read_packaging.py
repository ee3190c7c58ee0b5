"""Reads the section that says what may be in a package manager's way."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from staithe.package_pattern import named_by, version_in
from staithe.probe.answer import Section
from staithe.probe.request import ProbeRequest
from staithe.probe.state import Exclude, HostState, LockHolder, PackageRepository, Packaging, VersionLock

_MOUNTS = "/proc/self/mounts"
_LISTS = ("/etc/dnf/plugins/versionlock.list", "/etc/yum/pluginconf.d/versionlock.list")
_TOML = "/etc/dnf/versionlock.toml"
_BEGIN, _END = "# staithe begin", "# staithe end"
_OWN_REPOSITORY = "staithe-docker-ce"
# Of Docker's own tree and its mirrors: .../linux/centos/9/x86_64/stable, with or without variables.
_DOCKERS_TREE = re.compile(r"docker.*/linux/(centos|rhel|fedora)/", re.IGNORECASE)
_OFF = ("0", "false", "no")


def read_packaging(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read excludes, versionlocks, repositories, holders of the rpm database, FIPS, and the mount of /usr."""
    excludes: list[Exclude] = []
    repositories: list[PackageRepository] = []
    texts = _texts(section)
    for file, lines in texts.items():
        if not file.endswith((".conf", ".repo")):
            continue
        for name, values in _ini(lines):
            if values.get("enabled", "1").lower() in _OFF or name == _OWN_REPOSITORY:
                continue
            patterns = f"{values.get('exclude', '')} {values.get('excludepkgs', '')}".replace(",", " ").split()
            excludes += [Exclude(file=file, section=name, pattern=one) for one in patterns if named_by(one)]
            url = values.get("baseurl", "").partition(" ")[0]
            if _DOCKERS_TREE.search(url):
                repositories.append(PackageRepository(file=file, section=name, url=url))
    return {
        "packaging": Packaging.model_validate(
            {
                "manager": section.value("manager", "none"),
                "excludes": tuple(dict.fromkeys(excludes)),
                "version_locks": tuple(_version_locks(texts)),
                "repositories": tuple(repositories),
                "holders": tuple(dict.fromkeys(_holder(value) for value in section.values("holder"))),
                "fips": section.value("/proc/sys/crypto/fips_enabled") == "1",
                "usr_options": _usr_options(texts.get(_MOUNTS, [])),
            }
        )
    }


def _texts(section: Section) -> dict[str, list[str]]:
    """Return the lines of each file, without what staithe put between its marks."""
    texts: dict[str, list[str]] = {}
    own = ""
    for file, text in section.lines:
        if not file.startswith("/"):
            continue
        lines = texts.setdefault(file, [])
        if text.strip() == _BEGIN:
            own = file
        elif text.strip() == _END:
            own = ""
        elif own != file:
            lines.append(text)
    return texts


def _ini(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield sections and their values; an indented line goes on with the value before."""
    name, values, key = "", dict[str, str](), ""
    for line in lines:
        head = re.match(r"\[([^\]]*)\]", line)
        if head:
            yield name, values
            name, values, key = head.group(1), {}, ""
        elif line[:1].isspace():
            if key:
                values[key] = f"{values[key]} {line.strip()}".strip()
        else:
            key, _, value = (part.strip() for part in re.sub(r"\s*[=:]\s*", "=", line, count=1).partition("="))
            values[key] = value
    yield name, values


def _version_locks(texts: dict[str, list[str]]) -> Iterator[VersionLock]:
    told = set()
    for file in _LISTS:
        for line in texts.get(file, []):
            entry = line.partition("#")[0].strip()
            shut = entry.startswith("!")
            pattern = entry.removeprefix("!")
            # yum's folder is a link to dnf's from EL8 on.
            for name in named_by(pattern) if entry not in told else ():
                version = version_in(pattern, name) or "*"
                lets = "!=" if shut else "="
                yield _lock(file=file, package=name, entry=entry, version=version, comparator=lets)
            told.add(entry)
    # dnf5: [[packages]] with a name and [[packages.conditions]] that must all hold.
    for package in tomllib.loads("\n".join(texts.get(_TOML, []))).get("packages", []):
        for one in package.get("conditions", []):
            if one.get("key") not in ("evr", "version") or package["name"] not in named_by(package["name"]):
                continue
            comparator, value = one["comparator"].replace("==", "="), one["value"]
            yield _lock(
                file=_TOML,
                package=package["name"],
                entry=f"{package['name']} {comparator} {value}",
                version=value.rpartition(":")[2].partition("-")[0],
                comparator=comparator,
            )


def _lock(**values: str) -> VersionLock:
    return VersionLock.model_validate(values)


def _holder(value: str) -> LockHolder:
    pid, path, name = value.split(" ", 2)
    return LockHolder(pid=int(pid), name=name, path=path)


def _usr_options(lines: list[str]) -> tuple[str, ...]:
    """Return `ro` and `noexec` as the mount that holds /usr has them; of several on one place the last one counts."""
    options: dict[str, str] = {}
    for line in lines:
        _device, place, _type, found, *_ = line.split(" ")
        options[place] = found
    of_usr = options.get("/usr", options.get("/", "")).split(",")
    return tuple(one for one in ("ro", "noexec") if one in of_usr)
