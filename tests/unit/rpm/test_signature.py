"""RPM packages made with rpmbuild and signed with rpmsign: whose are taken, whose are not."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from staithe.bundle.contents import Blob, Bundle, Package
from staithe.bundle.files import open_files
from staithe.bundle.package_digests import without_sha256
from staithe.errors import PackageRefused
from staithe.lab import rpms
from staithe.rpm.package_file import read_head
from staithe.rpm.signature import Keyring, check_head, check_package, read_keys
from tests.rpm_site import HAS_TOOLS

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")

SPEC = """Name: probe
Epoch: 7
Version: 1.2
Release: 3
Summary: probe
License: none
BuildArch: noarch
AutoReqProv: no
%description
probe
%install
mkdir -p %{buildroot}/opt
head -c 100000 /dev/zero > %{buildroot}/opt/probe
%files
/opt/probe
"""


class Made(NamedTuple):
    folder: Path
    unsigned: Path
    signed: Path
    by_other: Path
    key: bytes
    fingerprint: str


def fingerprint_of(gnupg: Path, name: str) -> str:
    listed = subprocess.check_output(
        ["gpg", "--homedir", gnupg, "--with-colons", "--fingerprint", f"{name}@lab.invalid"], text=True
    )
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("rpm")
    rpms.make_keys(folder)
    (folder / "probe.spec").write_text(SPEC)
    subprocess.run(["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}", folder / "probe.spec"], check=True)
    unsigned = next(folder.glob("RPMS/noarch/*.rpm"))
    signed, by_other = folder / "signed.rpm", folder / "other.rpm"
    for path, key in ((signed, "lab"), (by_other, "other")):
        shutil.copy(unsigned, path)
        rpms.sign(folder / "gnupg", key, [path])
    key = (folder / "RPM-GPG-KEY-lab").read_bytes()
    return Made(folder, unsigned, signed, by_other, key, fingerprint_of(folder / "gnupg", "lab"))


@pytest.fixture
def keys(made: Made) -> Keyring:
    return read_keys([("key", made.key)], [made.fingerprint])


def test_a_package_by_the_pinned_key_is_taken(made: Made, keys: Keyring) -> None:
    head, signer = check_package(made.signed, keys, "probe.rpm")
    assert signer == made.fingerprint
    asked = subprocess.check_output(
        ["rpm", "-qp", "--nosignature", "--qf", "%{NAME}-%{EPOCH}:%{VERSION}-%{RELEASE}.%{ARCH}", made.signed]
    )
    assert head.nevra == asked.decode()


def test_an_unsigned_package_is_refused(made: Made, keys: Keyring) -> None:
    with pytest.raises(PackageRefused, match="the package is not signed"):
        check_package(made.unsigned, keys, "probe.rpm")


def test_a_package_by_another_key_is_refused(made: Made, keys: Keyring) -> None:
    with pytest.raises(PackageRefused, match="not by a pinned key"):
        check_package(made.by_other, keys, "probe.rpm")


def test_a_key_that_is_not_pinned_is_refused(made: Made) -> None:
    with pytest.raises(PackageRefused) as refused:
        read_keys([("key", made.key)], ["0" * 40])
    assert (refused.value.found, refused.value.expected) == (made.fingerprint, "0" * 40)


def test_a_revoked_key_is_refused(made: Made, tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    shutil.copytree(made.folder / "gnupg", home, ignore=lambda _, names: [n for n in names if n.startswith("S.")])
    revocation = (home / "openpgp-revocs.d" / f"{made.fingerprint}.rev").read_text().replace(":-----", "-----")
    gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
    subprocess.run([*gpg, "--import"], input=revocation.encode(), check=True, capture_output=True)
    revoked = subprocess.check_output([*gpg, "--armor", "--export", "lab@lab.invalid"])
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
    with pytest.raises(PackageRefused, match="revoked"):
        read_keys([("key", revoked)], [made.fingerprint])


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(PackageRefused, match=r"no OpenPGP key: [^\n]+$"):
        read_keys([("key", b"-----BEGIN nothing")], [])


@pytest.mark.parametrize("part", ["name", "payload"])
def test_one_changed_byte_is_noticed(made: Made, keys: Keyring, tmp_path: Path, part: str) -> None:
    content = bytearray(made.signed.read_bytes())
    with made.signed.open("rb") as stream:
        header = read_head(stream, "").header
        payload_at = stream.tell()
    header_at = bytes(content).index(header)
    at = header_at + header.index(b"probe\0") if part == "name" else payload_at + 50
    content[at] ^= 1
    changed = tmp_path / "changed.rpm"
    changed.write_bytes(content)
    with pytest.raises(PackageRefused, match=r"signature is not by|payload is not the one"):
        check_package(changed, keys, "probe.rpm")


def test_every_cut_is_noticed(made: Made, keys: Keyring, tmp_path: Path) -> None:
    content = made.signed.read_bytes()
    cut = tmp_path / "cut.rpm"
    for size in (0, 3, 95, 96, 100, 111, 112, 500, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:size])
        with pytest.raises(PackageRefused):
            check_package(cut, keys, "probe.rpm")


def test_the_signature_of_another_package_is_refused(made: Made, keys: Keyring) -> None:
    with made.signed.open("rb") as stream:
        head = read_head(stream, "")
    forged = head.header.replace(b"probe\0", b"prove\0", 1)
    with pytest.raises(PackageRefused):
        check_head(type(head)(**{**head.__dict__, "header": forged}), keys, "probe.rpm")


@pytest.mark.parametrize("count, size", [(0xFFFFFFFF, 16), (1, 0xFFFFFFFF), (1 << 24, 1 << 24), (4, 0)])
def test_sizes_that_lie_cost_nothing(count: int, size: int) -> None:
    lead = b"\xed\xab\xee\xdb" + bytes(92)
    head = lead + struct.pack(">8sII", b"\x8e\xad\xe8\x01\0\0\0\0", count, size)
    with pytest.raises(PackageRefused):
        read_head(io.BytesIO(head + bytes(64)), "lying.rpm")


@pytest.mark.parametrize("kind", [4, 6, 7, 8])
def test_entries_that_point_outside_are_refused(kind: int) -> None:
    lead = b"\xed\xab\xee\xdb" + bytes(92)
    empty = struct.pack(">8sII", b"\x8e\xad\xe8\x01\0\0\0\0", 0, 0)
    entries = b"".join(struct.pack(">IIII", tag, kind, 0xFFFFFFF0, 0xFFFFFFF0) for tag in (1000, 1001, 1002, 1022))
    header = struct.pack(">8sII", b"\x8e\xad\xe8\x01\0\0\0\0", 4, 8) + entries + b"abcdefgh"
    with pytest.raises(PackageRefused):
        read_head(io.BytesIO(lead + empty + header), "lying.rpm")


def test_the_digests_that_fips_asks_for_are_seen(made: Made, tmp_path: Path) -> None:
    """With each of them taken away; what is left is asked of rpm itself."""
    content = made.signed.read_bytes()
    # (tag of the signature header, of the header): as they stand in the index, with their types.
    header_tag, payload_tag = struct.pack(">II", 273, 6), struct.pack(">II", 5093, 4)
    cases = {"whole": content}
    for name, tag in (("header", header_tag), ("payload", payload_tag)):
        assert content.count(tag) == 1
        cases[name] = content.replace(tag, struct.pack(">I", 60_000) + tag[4:])
    found = {}
    for name, changed in cases.items():
        path = tmp_path / f"{name}.rpm"
        path.write_bytes(changed)
        head = read_head(io.BytesIO(changed), name)
        found[name] = (head.has_header_sha256, head.payload_sha256 is not None)
    assert found == {"whole": (True, True), "header": (False, True), "payload": (True, False)}
    blobs = {
        name: Blob(f"sha256:{hashlib.sha256(changed).hexdigest()}", len(changed), "")
        for name, changed in cases.items()
    }
    for name, blob in blobs.items():
        (tmp_path / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (tmp_path / "blobs/sha256" / blob.hex).write_bytes(cases[name])
    bundle = Bundle(tmp_path, "", files=open_files(tmp_path))
    packages = [Package(name, f"{name}.rpm", "", blob) for name, blob in blobs.items()]
    assert [one.nevra for one in without_sha256(bundle, packages)] == ["header", "payload"]
    shown = {
        name: subprocess.run(["rpm", "-Kv", "--nosignature", path], capture_output=True, text=True).stdout
        for name in ("whole", "header")
        if (path := tmp_path / f"{name}.rpm")
    }
    assert "Header SHA256 digest" in shown["whole"] and "Header SHA256 digest" not in shown["header"]
