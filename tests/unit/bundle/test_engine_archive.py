"""Engine archives: what is in them, and every reason to refuse one."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staithe.bundle.blob_store import BlobStore
from staithe.bundle.engine_archive import add_engine_archive, check_version, version_from_name
from staithe.errors import BundleError
from staithe.programs import PROGRAMS

MakeEngine = Callable[..., Path]


def add(path: Path) -> Any:
    store = BlobStore(path.parent / "store")
    return add_engine_archive(path, store)


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_an_archive_is_copied_and_described(make_engine: MakeEngine, samples: Any, arch: str) -> None:
    path = make_engine(arch=arch)
    found = add(path)
    assert found.arch == arch
    assert found.archive.digest == f"sha256:{samples.sha256(path.read_bytes())}"
    copy = path.parent / "store/blobs/sha256" / found.archive.hex
    assert copy.read_bytes() == path.read_bytes()
    assert set(found.programs) == set(PROGRAMS)
    runc = found.programs["runc"]
    assert (runc.sha256, runc.size, runc.mode) == (samples.sha256(samples.program("runc", arch)), 5000, "755")


def test_more_programs_than_needed_are_carried(make_engine: MakeEngine, samples: Any) -> None:
    members = samples.engine() | {"docker/containerd-shim": samples.program("containerd-shim")}
    assert "containerd-shim" in add(make_engine(members)).programs


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_missing_program_is_named(make_engine: MakeEngine, samples: Any, name: str) -> None:
    members = samples.engine()
    del members[f"docker/{name}"]
    with pytest.raises(BundleError, match=f"lacks {name}") as failure:
        add(make_engine(members))
    assert failure.value.hint


@pytest.mark.parametrize(
    "name",
    ["../etc/passwd", "/etc/passwd", "docker/../../x", "docker/sub/x", "dockerd", "other/dockerd", "docker/.hidden"],
)
def test_a_member_elsewhere_is_refused(make_engine: MakeEngine, samples: Any, name: str) -> None:
    with pytest.raises(BundleError, match="not expected") as failure:
        add(make_engine(samples.engine() | {name: samples.program("x")}))
    assert failure.value.found == repr(name)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_a_member_that_is_no_file_is_refused(make_engine: MakeEngine, samples: Any, kind: bytes) -> None:
    member = samples.special("docker/extra", kind, "docker/runc")
    with pytest.raises(BundleError, match="no regular file"):
        add(make_engine(samples.engine() | {"docker/extra": member}))


def test_a_program_that_is_there_twice_is_refused(make_engine: MakeEngine, samples: Any) -> None:
    twice = tarfile.TarInfo("docker/runc")
    with pytest.raises(BundleError, match="twice"):
        add(make_engine(samples.engine() | {"again": twice}))


@pytest.mark.parametrize(
    "content",
    [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x01\x01" + bytes(100), b"\x7fELF\x02\x01" + bytes(100)],
    ids=["empty", "script", "cut", "32 bits", "unknown machine"],
)
def test_what_is_no_program_is_refused(make_engine: MakeEngine, samples: Any, content: bytes) -> None:
    with pytest.raises(BundleError, match=r"docker/runc .* no program"):
        add(make_engine(samples.engine() | {"docker/runc": content}))


def test_programs_for_two_machines_are_refused(make_engine: MakeEngine, samples: Any) -> None:
    with pytest.raises(BundleError, match="different machines"):
        add(make_engine(samples.engine() | {"docker/runc": samples.program("runc", "aarch64")}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_archive_that_was_cut_or_changed_is_refused(make_engine: MakeEngine, data: st.DataObject) -> None:
    path = make_engine()
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(10, len(content) - 1))  # the first ten bytes are the gzip header
    if data.draw(st.booleans()):
        content = content[:at]
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    with pytest.raises(BundleError):
        add(path)
    assert list((path.parent / "store/blobs/sha256").iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"no tar" * 200)], ids=["empty", "text", "no tar"]
)
def test_what_is_no_archive_is_refused(make_engine: MakeEngine, content: bytes) -> None:
    path = make_engine()
    path.write_bytes(content)
    with pytest.raises(BundleError):
        add(path)


def test_garbage_behind_the_archive_is_refused(make_engine: MakeEngine) -> None:
    path = make_engine()
    path.write_bytes(path.read_bytes() + b"garbage")
    with pytest.raises(BundleError, match="damaged"):
        add(path)


def test_the_version_is_in_the_name() -> None:
    assert version_from_name(Path("x/docker-28.5.2.tgz")) == "28.5.2"
    assert version_from_name(Path("docker-29.4.2-2.tgz")) == "29.4.2-2"
    with pytest.raises(BundleError, match="file name") as failure:
        version_from_name(Path("engine.tgz"))
    assert failure.value.hint is not None
    assert "--engine-version" in failure.value.hint


@pytest.mark.parametrize("version", ["", "28", "28.5", "28.5.2/..", "28.5.2 ", "../28.5.2", "v28.5.2", "28.5.2-"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(BundleError, match="no engine version"):
        check_version(version)
