"""Reads bundle.toml, and writes one to start from."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

from pydantic import ValidationError

from staithe.config.problems import problems_of
from staithe.errors import DescriptionError, UsageError
from staithe.sourcing.description import Description

DESCRIPTION_NAME = "bundle.toml"
_LIMIT_BYTES = 1 << 20


def read_description(path: Path) -> Description:
    """Return what the file describes; raises DescriptionError with every problem, UsageError without a file."""
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            hint=f"staithe bundle init {path.parent}   # writes one to start from",
        ) from error
    if len(content) > _LIMIT_BYTES:
        raise DescriptionError([f"{path}: more than {_LIMIT_BYTES >> 20} MiB is no description of a bundle"])
    try:
        data = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DescriptionError([f"{path}: no TOML: {error}"], hint="staithe bundle docs") from error
    try:
        return Description.model_validate(data)
    except ValidationError as error:
        problems = [f"{path}: {line.removeprefix(': ')}" for line in problems_of(error, Description)]
        raise DescriptionError(problems, hint="staithe bundle docs") from error


def digest(description: Description) -> str:
    """Return a digest of what is described: comments and order of keys do not count."""
    return hashlib.sha256(description.model_dump_json(exclude_defaults=True).encode()).hexdigest()


STARTER = """\
# What the bundle holds. `staithe bundle lock` chooses exact versions from it and writes bundle.lock; `staithe bundle
# build` makes the bundle from bundle.lock. Every key: `staithe bundle docs`.
schema_version = 1
name = "{name}"

[targets]
majors = [9]                 # releases of Enterprise Linux: 7, 8, 9, 10
archs = ["x86_64"]           # x86_64, aarch64
# bases = ["bases/*.rpms"]   # what the hosts have already: staithe bundle base INVENTORY

[engine]
version = "28"               # "28.5.2", "28.5", "28", ">=28.3, <29": the newest inside, until lock --upgrade
sources = ["static"]         # "rpm": Docker's packages and all that they need; "static": the archive; or both
# plugins = ["compose", "buildx"]
# static_sha256 = {{ x86_64 = "..." }}   # Docker publishes none; the first lock pins what it gets

# Packages need repositories: Docker's own, and those of the distribution for what Docker's packages require.
# [[repository]]
# id = "docker-ce"
# preset = "docker-ce"       # address, key and fingerprint are known
# mirror = "official"        # or aliyun, tencent, huaweicloud, tuna, ustc, pku, zju, nju, azure
#
# [[repository]]
# id = "baseos"
# url = "https://mirror.example.com/el/$releasever/BaseOS/$basearch/os"
# keys = ["https://mirror.example.com/RPM-GPG-KEY-EL"]
# fingerprints = ["0123456789ABCDEF0123456789ABCDEF01234567"]
# username = "me"
# password = {{ from_file = "~/.mirror-password" }}    # never the password itself

# [packages]
# extra = ["iptables-nft"]

# The smoke checks of `staithe apply` run this one; smoke.image may name another that has what busybox has.
[[image]]
reference = "docker.io/library/busybox:1.36"   # the lock pins its digest; logins: docker login
name = "staithe/smoke:1"

# [[image]]
# layout = "images/app"             # folder of an OCI layout (skopeo, buildx)
# name = "team/app:1.0"
#
# [[image]]
# archive = "images/busybox.tar"    # docker save's tar, or a tar of an OCI layout
#
# [[registry]]                      # only where one needs something: ca, plain_http, proxy, mirror
# host = "docker.io"
# mirror = "mirror.example.com"     # asked instead; the lock keeps the original names
"""


def write_starter(folder: Path) -> Path:
    """Write a commented bundle.toml; raises UsageError when there is one."""
    path = folder / DESCRIPTION_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(STARTER.format(name=_name_of(folder)))
    except OSError as error:
        if isinstance(error, FileExistsError) and folder.is_dir():
            raise UsageError("there is one already; it is not overwritten", where=str(path)) from None
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error
    return path


def _name_of(folder: Path) -> str:
    name = "".join(char for char in folder.absolute().name if char.isascii() and (char.isalnum() or char in "._-"))
    return name.lstrip(".-") or "bundle"
