from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from staithe.errors import LockError
from staithe.sourcing.lock_file import (
    Lock,
    LockedKey,
    LockedPackage,
    LockedRepository,
    LockedStatic,
    parse_lock,
    read_lock,
)

KEY = "0123456789ABCDEF0123456789ABCDEF01234567"


def package(nevra: str, **more: object) -> LockedPackage:
    values = {
        "url": f"https://m.example/{nevra}.rpm",
        "size": 5,
        "sha256": "a" * 64,
        "repository": "base",
        "key": KEY,
    }
    return LockedPackage.model_validate({**values, "nevra": nevra, "targets": ("el9-x86_64",), **more})


LOCK = Lock(
    name="site-a",
    serial=3,
    description="d" * 64,
    engine="28.5.2",
    key=(LockedKey(url="k.asc", size=4, sha256="b" * 64, fingerprints=(KEY,)),),
    repository=(
        LockedRepository(
            id="base", target="el9-x86_64", url="/srv/base", revision="7", timestamp=1750000000, sha256="c" * 64
        ),
    ),
    package=(package("docker-ce-3:28.5.2-1.el9.x86_64"), package("bash-5.1.8-9.el9.x86_64")),
    static=(LockedStatic(url="/s.tgz", size=9, sha256="e" * 64, version="28.5.2", arch="x86_64"),),
)


def test_a_lock_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "bundle.lock"
    path.write_text(LOCK.text())
    found = read_lock(path)
    assert found is not None
    assert found.text() == LOCK.text()
    assert {one.nevra for one in found.package} == {one.nevra for one in LOCK.package}
    assert tomllib.loads(LOCK.text())["serial"] == 3


def test_order_does_not_matter_to_the_text() -> None:
    turned = LOCK.model_copy(update={"package": LOCK.package[::-1]})
    assert turned.text() == LOCK.text()


def test_one_more_package_is_one_more_table() -> None:
    more = LOCK.model_copy(update={"package": (*LOCK.package, package("tar-1.34-7.el9.x86_64"))})
    old, new = LOCK.text().splitlines(), more.text().splitlines()
    at = next(n for n, (a, b) in enumerate(zip([*old, ""], new, strict=False)) if a != b)
    count = len(new) - len(old)
    assert new[:at] + new[at + count :] == old
    assert count <= 12


def test_what_counts_as_the_same() -> None:
    later = LOCK.repository[0].model_copy(update={"timestamp": 1760000000, "revision": "8"})
    assert LOCK.same_content(LOCK.model_copy(update={"serial": 9, "repository": (later,)}))
    assert not LOCK.same_content(LOCK.model_copy(update={"package": LOCK.package[:1]}))


@pytest.mark.parametrize(
    "nevra, name",
    [
        ("docker-ce-3:28.5.2-1.el9.x86_64", "docker-ce-28.5.2-1.el9.x86_64.rpm"),
        ("containerd.io-2.1.9-3.1.el9.x86_64", "containerd.io-2.1.9-3.1.el9.x86_64.rpm"),
    ],
)
def test_file_names_have_no_epoch(nevra: str, name: str) -> None:
    assert package(nevra).file_name == name


def test_no_file_is_no_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "bundle.lock") is None


@pytest.mark.parametrize(
    "old, new",
    [
        ("serial = 3", "serial = 0"),
        ("serial = 3", 'serial = "3"; rm'),
        ('sha256 = "' + "a" * 64, 'sha256 = "' + "A" * 64),
        ('nevra = "bash-5.1.8-9.el9.x86_64"', 'nevra = "../bash"'),
        ('nevra = "bash-5.1.8-9.el9.x86_64"', 'nevra = "bash"'),
        ("schema_version = 1", "schema_version = 2"),
        ("size = 5", "size = -5"),
        ('arch = "x86_64"', 'arch = "../x"'),
        ('engine = "28.5.2"', 'engin = "28.5.2"'),
    ],
)
def test_a_lock_that_is_none_is_refused(old: str, new: str) -> None:
    assert old in LOCK.text()
    with pytest.raises(LockError):
        parse_lock(LOCK.text().replace(old, new, 1).encode(), "bundle.lock")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = [" * 5000, b"", b"[" * 100000])
def test_garbage_is_refused(content: bytes) -> None:
    with pytest.raises(LockError):
        parse_lock(content, "bundle.lock")


def test_a_lock_of_a_newer_staithe_says_so() -> None:
    with pytest.raises(LockError, match="newer staithe"):
        parse_lock(LOCK.text().replace("schema_version = 1", "schema_version = 2").encode(), "bundle.lock")
