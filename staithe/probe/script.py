"""Builds the text of the probe: the script, with what is asked for put in front of it as quoted data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from staithe import host_layout
from staithe.errors import UsageError
from staithe.probe.request import ProbeRequest
from staithe.programs import PROGRAMS
from staithe.shell import join, quote

PROBE_VERSION = 1

# In the order in which they begin: units needs what engine found, docker asks only when units found docker.service
# active. What packages and docker ask for is worked out while the others run, and answered last.
SECTIONS = (
    "packages",
    "engine",
    "units",
    "docker",
    "system",
    "kernel",
    "storage",
    "packaging",
    "users",
    "commands",
    "files",
)
TEXT_LIMIT_BYTES = 65536
RECORD_LIMIT_BYTES = 1048576
COMMANDS = ("iptables", "tar", "gzip", "xz", "sha256sum", "base64", "systemctl", "modprobe", "ps", "flock", "timeout")
# By this name rpm knows the keys that it trusts.
KEYS = "gpg-pubkey"
PACKAGES = (
    "docker-ce",
    "docker-ce-cli",
    "containerd.io",
    "docker-ce-rootless-extras",
    "docker-buildx-plugin",
    "docker-compose-plugin",
    "moby-engine",
    "moby-cli",
    "moby-containerd",
    "moby-runc",
    "docker-cli",
    "docker",
    "docker-client",
    "docker-client-latest",
    "docker-common",
    "docker-latest",
    "docker-latest-logrotate",
    "docker-logrotate",
    "docker-selinux",
    "docker-engine",
    "docker-engine-selinux",
    "podman",
    "podman-docker",
    "buildah",
    "runc",
    "containerd",
    "container-selinux",
)

# Held with fcntl or flock by who changes the rpm database (rpm, dnf5).
_TRANSACTION_LOCKS = ("/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock", "/run/dnf/rpmtransaction.lock")
# Of yum and dnf 4. Not /var/cache/dnf/metadata_lock.pid: who refreshes metadata is done in a moment, and dnf waits.
_PID_FILES = ("/var/run/yum.pid", "/var/run/dnf.pid", "/var/lib/dnf/rpmdb_lock.pid")

# script.sh calls what the others define.
_PARTS = ("host.sh", "engine.sh", "packaging.sh", "units.sh", "files.sh", "script.sh")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:+-]*\$?")
_SYSCTL = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_:@./+-]*)*")


def build(request: ProbeRequest) -> str:
    """Return the whole text of the probe for `sh -c`.

    Raises UsageError for a value that cannot be asked for: a path that is not absolute or holds control characters,
    a name that looks like an option, an unknown section.
    """
    for path in (request.data_root, *request.files):
        _check(path, path.startswith("/") and path.isprintable(), "an absolute path without control characters")
    for path in request.files:
        _check(path, path.isascii(), "a path in ASCII")
    for name in (*request.modules, *request.users):
        _check(name, _NAME.fullmatch(name) is not None, "a plain name")
    paths = [sysctl_path(key) for key in request.sysctl]
    asked = request.model_dump(mode="json")
    head = [
        f"probe_version={PROBE_VERSION}",
        f"request={quote(json.dumps(asked))}",
        f"deep={int(request.deep)}",
        f"engine_root={quote(host_layout.ENGINE_ROOT)}",
        f"stamps_file={quote(host_layout.STAMPS)}",
        f"state_dir={quote(host_layout.STATE_DIR)}",
        f"text_limit={TEXT_LIMIT_BYTES}",
        f"record_limit={RECORD_LIMIT_BYTES}",
        _words("sections", sections(request)),
        _words("modules", request.modules),
        _words("sysctl_paths", paths),
        _words("storage", storage_paths(request.data_root)),
        _words("programs", PROGRAMS),
        _words("packages", (*PACKAGES, KEYS)),
        _words("transaction_locks", _TRANSACTION_LOCKS),
        _words("pid_files", _PID_FILES),
        _words("users", request.users),
        _words("user_patterns", [word for name in request.users for word in ("-e", _line_start(name))]),
        _words("commands", COMMANDS),
        _words("files", (*request.files, *host_layout.NOTES)),
    ]
    return "\n".join(("# staithe-probe", *head, _body()))


def sections(request: ProbeRequest) -> tuple[str, ...]:
    """Return the sections that run for a request, in their order; when it names none, all that it asks for.

    Raises UsageError for an unknown name.
    """
    names = set(request.sections)
    for name in names:
        _check(name, name in SECTIONS, f"one of {', '.join(SECTIONS)}")
    if "docker" in names:
        names.add("units")
    if not names:
        return tuple(name for name in SECTIONS if name != "packaging" or request.packaging)
    return tuple(name for name in SECTIONS if name in names)


def storage_paths(data_root: str) -> tuple[str, ...]:
    """Return the folders whose file systems are looked at, each once, data-root first."""
    return tuple(dict.fromkeys((data_root, "/var/lib/containerd", "/usr", host_layout.STATE_DIR)))


def sysctl_path(key: str) -> str:
    """Return the file of a sysctl key; as with sysctl(8), a slash in a dotted key stands for a dot in a name.

    Raises UsageError for what cannot be a key.
    """
    path = key.translate(str.maketrans("./", "/."))
    parts = path.split("/")
    _check(key, _SYSCTL.fullmatch(key) is not None and not {"", ".", ".."} & set(parts), "a sysctl key")
    return f"/proc/sys/{path}"


def _words(name: str, values: Iterable[str]) -> str:
    # A function that calls its arguments with the values behind them: lists without splitting anything.
    return f'with_{name}() {{ "$@" {join(values)}; }}'


def _line_start(name: str) -> str:
    # As a basic regular expression; of the characters of a name only these two mean something there.
    return f"^{name.replace('.', '[.]').replace('$', '[$]')}:"


def _check(value: str, good: bool, expected: str) -> None:
    if not good:
        raise UsageError("the probe cannot ask for this", found=repr(value), expected=expected)


@cache
def text() -> str:
    """Return the script as it is written, without the part that varies: sections first, the frame last."""
    return "\n".join(files("staithe.probe").joinpath(name).read_text(encoding="utf-8") for name in _PARTS)


@cache
def _body() -> str:
    # Comments stay here. Indentation goes along: part of the script is Python.
    return "\n".join(line for line in text().splitlines() if line and not line.lstrip().startswith("#"))
