"""bundle.lock: what a bundle holds, to the byte. Made by `staithe bundle lock`, reviewed, kept in git.

TOML, always the same bytes for the same content, one table for each thing, so that a change is a change of few lines.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from staithe.errors import LockError
from staithe.rpm.nevra import Nevra

LOCK_NAME = "bundle.lock"
_HEADER = "# Made by `staithe bundle lock`. Keep it in git; do not edit it.\n"
_LIMIT_BYTES = 64 << 20
_AGAIN = "git checkout bundle.lock   # or, to choose everything anew: rm bundle.lock && staithe bundle lock"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[^\x00-\x1f\x7f]+$")]
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{40,64}$")]
TargetName = Annotated[str, StringConstraints(pattern=r"^el[0-9]{1,2}-(x86_64|aarch64)$")]

BaseName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,254}$")]


def _check_nevra(text: str) -> str:
    Nevra.parse(text)
    return text


_Nevra = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+:~^-]{0,511}$"), AfterValidator(_check_nevra)
]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LockedFile(_Table):
    """One file: where it was found, and what it is wherever it is found."""

    # Address, or a path (relative ones start at the folder of bundle.toml).
    url: _Text
    size: int = Field(ge=0)
    sha256: Sha256


class LockedKey(LockedFile):
    """A file with public keys that sign packages."""

    fingerprints: Annotated[tuple[Fingerprint, ...], Field(min_length=1)]


class LockedBase(_Table):
    """A base that packages were resolved for."""

    name: BaseName
    target: TargetName
    # Of its file.
    sha256: Sha256


class LockedRepository(_Table):
    """The state of a repository's metadata that was read. An older one is refused by the next `bundle lock`."""

    id: _Text
    target: TargetName
    url: _Text
    revision: str
    # Seconds since the epoch, the newest of repomd.xml's.
    timestamp: int = Field(ge=0)
    sha256: Sha256


class LockedPackage(LockedFile):
    """An RPM package."""

    nevra: _Nevra
    repository: _Text
    # Fingerprint of the pinned key that signed it.
    key: Fingerprint
    targets: tuple[TargetName, ...]
    # Names of the bases that lack it; none: whoever has none of these targets' packages.
    bases: tuple[BaseName, ...] = ()

    @property
    def file_name(self) -> str:
        """Name in the bundle's repository: from the NEVRA, without the epoch, as everywhere."""
        nevra = Nevra.parse(self.nevra)
        return f"{nevra.name}-{nevra.version}-{nevra.release}.{nevra.arch}.rpm"


class LockedStatic(LockedFile):
    """A static engine archive."""

    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    arch: Literal["x86_64", "aarch64"]


class LockedImage(LockedFile):
    """An image archive. The digest is that of the archive's file; the images inside are named by their configs'."""

    configs: Annotated[tuple[Sha256, ...], Field(min_length=1)]


class LockedPlatform(_Table):
    """An image for one architecture, by digests; its layers follow from the manifest."""

    arch: Literal["x86_64", "aarch64"]
    manifest: Sha256
    manifest_size: int = Field(ge=0)
    config: Sha256
    # Config and layers together.
    size: int = Field(ge=0)


class LockedOciImage(_Table):
    """An image from a registry or a layout."""

    # On hosts, in full.
    name: _Text
    # Where it was found: a reference in full, or a path (relative ones start at the folder of bundle.toml).
    reference: _Text | None = None
    layout: _Text | None = None
    # Of what the reference leads to: an index of platforms, or the manifest itself.
    sha256: Sha256
    size: int = Field(ge=0)
    platform: Annotated[tuple[LockedPlatform, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_place(self) -> LockedOciImage:
        if (self.reference is None) == (self.layout is None):
            raise ValueError("one of reference and layout says where the image is")
        return self

    @property
    def total_bytes(self) -> int:
        """What a bundle holds of it at most: images share layers."""
        return self.size + sum(one.manifest_size + one.size for one in self.platform)


class Lock(_Table):
    """All of bundle.lock."""

    schema_version: Literal[1] = 1
    name: _Text
    # Goes up by one whenever the content changes.
    serial: int = Field(ge=1)
    # Of bundle.toml's content, so that a lock that no longer belongs to it is noticed.
    description: Sha256
    engine: str | None = None
    key: tuple[LockedKey, ...] = ()
    base: tuple[LockedBase, ...] = ()
    repository: tuple[LockedRepository, ...] = ()
    package: tuple[LockedPackage, ...] = ()
    static: tuple[LockedStatic, ...] = ()
    image: tuple[LockedImage, ...] = ()
    oci_image: tuple[LockedOciImage, ...] = ()

    @property
    def total_bytes(self) -> int:
        """What has to be fetched at most."""
        files = (*self.key, *self.package, *self.static, *self.image)
        return sum(one.size for one in files) + sum(one.total_bytes for one in self.oci_image)

    def text(self) -> str:
        """Return the file's content: tables and keys in a fixed order."""
        import tomli_w

        data = self.model_dump(mode="json", exclude_none=True)
        for package in data["package"]:
            if not package["bases"]:
                del package["bases"]
        order = {
            "key": ("fingerprints", "url"),
            "base": ("name",),
            "repository": ("id", "target"),
            "package": ("nevra", "url"),
            "static": ("arch", "version"),
            "image": ("url",),
            "oci_image": ("name",),
        }
        for name, keys in order.items():
            data[name] = sorted(data[name], key=lambda one, keys=keys: tuple(one[key] for key in keys))  # type: ignore[misc]
            if not data[name]:
                del data[name]
        return _HEADER + tomli_w.dumps(data, multiline_strings=False)

    def same_content(self, other: Lock) -> bool:
        """Tell whether both choose the same; from which wishes, bases and metadata is of no account."""
        hidden: dict[str, Any] = {"serial": 1, "repository": (), "description": "0" * 64}
        hidden["base"] = ()
        return self.model_copy(update=hidden).text() == other.model_copy(update=hidden).text()


def read_lock(path: Path) -> Lock | None:
    """Return the lock in a file, None when there is none; raises LockError."""
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LockError(f"cannot be read: {error.strerror}", where=str(path)) from error
    return parse_lock(content, str(path))


def parse_lock(content: bytes, where: str) -> Lock:
    """Return the lock that `content` is; raises LockError."""
    if len(content) > _LIMIT_BYTES:
        raise LockError("this is too large for a lock", where=where, expected=f"{_LIMIT_BYTES >> 20} MiB at most")
    try:
        data = tomllib.loads(content.decode("utf-8"))
        schema = data.get("schema_version")
        if isinstance(schema, int) and schema > 1:
            raise LockError(
                "a newer staithe made this lock", where=where, found=f"schema {schema}", expected="schema 1"
            )
        return Lock.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LockError(
            f"{place}: {first['msg']}",
            where=where,
            expected="a file that `staithe bundle lock` wrote",
            hint=_AGAIN,
        ) from error
    except (ValueError, RecursionError) as error:
        raise LockError(f"this is no TOML: {error}", where=where, hint=_AGAIN) from error
