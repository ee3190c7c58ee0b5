"""Reads a static engine archive, docker-VERSION.tgz, while it is copied into a bundle."""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from staithe.bundle.blob_store import CHUNK_BYTES, BlobStore, BlobWriter
from staithe.bundle.contents import Blob
from staithe.bundle.documents import VERSION_PATTERN, ProgramEntry
from staithe.bundle.layout import ENGINE_ARCHIVE_TYPE
from staithe.bundle.tar_headers import DAMAGE, Member, Unpacked, members_of, open_regular
from staithe.errors import BundleError
from staithe.programs import PROGRAMS

# e_machine of the ELF header -> as `uname -m` says.
_MACHINES = {62: "x86_64", 183: "aarch64"}
_ELF64_LITTLE = b"\x7fELF\x02\x01"
_MEMBER = re.compile(r"docker/([A-Za-z0-9][A-Za-z0-9._-]*)")
_VERSION = re.compile(VERSION_PATTERN)


@dataclass(frozen=True)
class EngineArchive:
    """What an archive was found to hold."""

    archive: Blob
    arch: str
    programs: dict[str, ProgramEntry]


class _Tee:
    """A reader that keeps what it reads, so that one pass both checks and copies."""

    def __init__(self, stream: IO[bytes], writer: BlobWriter) -> None:
        self._stream, self._writer = stream, writer

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._writer.write(chunk)
        return chunk


def version_from_name(path: Path) -> str:
    """Return VERSION of docker-VERSION.tgz; raises BundleError when the file is named otherwise."""
    match = re.fullmatch(r"docker-(.+)\.(?:tgz|tar\.gz)", path.name)
    if match is None:
        raise BundleError(
            "the engine's version cannot be read from the file name",
            where=str(path),
            expected="docker-VERSION.tgz",
            hint="say it with --engine-version",
        )
    return check_version(match.group(1))


def check_version(version: str) -> str:
    """Return `version`; raises BundleError when it is none."""
    if _VERSION.fullmatch(version) is None:
        raise BundleError("this is no engine version", found=repr(version), expected="a version such as 28.5.2")
    return version


def add_engine_archive(path: Path, store: BlobStore) -> EngineArchive:
    """Copy the archive unchanged into `store` and return what it holds.

    Raises BundleError when it is cut short or damaged, lacks a program, or holds anything but programs in docker/.
    """
    try:
        with open_regular(path) as source, store.incoming() as writer:
            tee = cast(IO[bytes], _Tee(source, writer))
            with Unpacked(tee, path.stat().st_size) as content:
                arches, programs = _read_members(content, path)
                while content.read(CHUNK_BYTES):  # to the checksum at the end
                    pass
            while tee.read(CHUNK_BYTES):
                pass
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(path, str(error)) from error
        raise BundleError(f"cannot be copied: {error.strerror or error}", where=str(path)) from error
    except DAMAGE as error:
        raise _damaged(path, str(error)) from error
    return EngineArchive(writer.blob(ENGINE_ARCHIVE_TYPE), _the_arch(arches, programs, path), programs)


def _read_members(content: gzip.GzipFile, path: Path) -> tuple[dict[str, str], dict[str, ProgramEntry]]:
    arches: dict[str, str] = {}
    programs: dict[str, ProgramEntry] = {}
    with tarfile.open(fileobj=content, mode="r|", tarinfo=Member) as tar:
        for member in members_of(tar):
            if member.isdir() and member.name == "docker":
                continue
            name = _program_name(member, path)
            if name in programs:
                raise _refused(path, f"{member.name} is in the archive twice")
            stream = tar.extractfile(member)
            assert stream is not None  # a regular file, see _program_name
            arches[name], programs[name] = _read_program(stream, member, path)
    return arches, programs


def _program_name(member: tarfile.TarInfo, path: Path) -> str:
    match = _MEMBER.fullmatch(member.name)
    if match is None:
        raise _refused(path, "the archive has a member in a place that is not expected", repr(member.name))
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise _refused(path, f"{member.name} in the archive is no regular file", f"type {member.type!r}")
    return match.group(1)


def _read_program(stream: IO[bytes], member: tarfile.TarInfo, path: Path) -> tuple[str, ProgramEntry]:
    head = stream.read(64)
    digest = hashlib.sha256(head)
    while chunk := stream.read(CHUNK_BYTES):
        digest.update(chunk)
    arch = _MACHINES.get(int.from_bytes(head[18:20], "little")) if head.startswith(_ELF64_LITTLE) else None
    if arch is None:
        raise BundleError(
            f"{member.name} in the archive is no program that staithe knows to run",
            where=str(path),
            found=repr(head[:20]),
            expected="a 64-bit ELF file for x86_64 or aarch64",
        )
    entry = ProgramEntry(sha256=digest.hexdigest(), size=member.size, mode=f"{member.mode & 0o777:o}")
    return arch, entry


def _the_arch(arches: dict[str, str], programs: dict[str, ProgramEntry], path: Path) -> str:
    missing = [name for name in PROGRAMS if name not in programs]
    if missing:
        raise BundleError(
            f"the archive lacks {', '.join(missing)}",
            where=str(path),
            found=", ".join(sorted(programs)) or "no programs",
            expected=", ".join(PROGRAMS),
            hint="take docker-VERSION.tgz of version 18.09 or newer, not a source or rootless archive",
        )
    if len(set(arches.values())) != 1:
        found = ", ".join(f"{name}: {arch}" for name, arch in sorted(arches.items()))
        raise BundleError("the programs of the archive are for different machines", where=str(path), found=found)
    return arches["dockerd"]


def _refused(path: Path, message: str, found: str | None = None) -> BundleError:
    return BundleError(
        message,
        where=str(path),
        found=found,
        expected="only programs, as docker/NAME" if found else None,
        hint="take the archive again from where it is published",
    )


def _damaged(path: Path, reason: str) -> BundleError:
    return BundleError(
        f"the archive is damaged or cut short: {reason}",
        where=str(path),
        expected="a whole gzip-compressed tar",
        hint="copy or download it again and compare its sha256",
    )
