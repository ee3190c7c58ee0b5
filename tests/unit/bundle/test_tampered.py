"""Bundles that somebody changed on their way: each is refused with words of its own, before any host is touched.

Through the command line, as a user would: `bundle verify`, and `apply` on a host whose port counts connections.
What needs RPMs, an SBOM or a lock in the bundle joins CASES when bundles hold them.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.archives import build_bundle, make_key, sign
from tests.fake_site import FakeSite

PROGRAM = str(Path(sys.executable).with_name("staithe"))


@dataclass
class Site:
    """A folder with a signed bundle, those who may sign, and a host that nobody may touch."""

    folder: Path
    bundle: Path
    door: socket.socket
    trust: dict[str, Any] = field(default_factory=dict)

    @property
    def allowed(self) -> Path:
        return self.folder / "made" / "allowed_signers"

    def blobs(self) -> list[Path]:
        """Return the blobs, the largest first."""
        found = (self.bundle / "blobs/sha256").iterdir()
        return sorted(found, key=lambda path: (-path.stat().st_size, path.name))

    def unsigned(self) -> Path:
        shutil.rmtree(self.bundle / "signatures")
        return self.bundle

    def signed_by(self, name: str, *options: str) -> None:
        """Take the signatures away and sign with a new key of a signer with these options."""
        self.unsigned()
        sign(self.bundle, make_key(self.folder / name, name, self.allowed, *options))

    def as_tar(self, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
        """Put the bundle into a tar, these members last."""
        path = self.folder / "bundle.tar"
        with tarfile.open(path, "w") as tar:
            for one in sorted(self.bundle.rglob("*")):
                tar.add(one, str(one.relative_to(self.bundle)), recursive=False)
            for member, content in members:
                tar.addfile(member, io.BytesIO(content))
        return path

    def staithe(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )

    def verify(self, path: Path) -> subprocess.CompletedProcess[str]:
        revoked = self.trust.get("revoked_keys")
        more = ["--revoked-keys", revoked] if revoked else []
        return self.staithe("bundle", "verify", str(path), "--allowed-signers", str(self.allowed), *more)

    def apply(self, path: Path, **trust: Any) -> subprocess.CompletedProcess[str]:
        data = {
            "ssh_hostname": "127.0.0.1",
            "ssh_port": self.door.getsockname()[1],
            "engine": {"bundle": str(path)},
            "trust": {"allowed_signers": str(self.allowed), **self.trust, **trust},
        }
        (self.folder / "inventory.py").write_text(f"hosts = [('h1', {data!r})]\n")
        return self.staithe("apply", "inventory.py", "--yes")

    def was_touched(self) -> bool:
        try:
            self.door.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    build_bundle(folder, "28.5.2")
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Iterator[Site]:
    shutil.copytree(made, tmp_path / "made")
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        yield Site(tmp_path, tmp_path / "made" / "bundle", door)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def flipped_byte(site: Site) -> Path:
    archive = next(path for path in site.blobs() if path.read_bytes()[:2] == b"\x1f\x8b")
    _flip(archive)
    return site.bundle


def flipped_byte_in_a_tar(site: Site) -> Path:
    flipped_byte(site)
    return site.as_tar()


def flipped_byte_of_a_manifest(site: Site) -> Path:
    index = json.loads((site.bundle / "index.json").read_text())
    _flip(site.bundle / "blobs/sha256" / index["manifests"][0]["digest"][7:])
    return site.bundle


def blob_removed(site: Site) -> Path:
    site.blobs()[0].unlink()
    return site.bundle


def blob_added(site: Site) -> Path:
    (site.bundle / "blobs/sha256" / ("0" * 64)).write_bytes(b"x")
    return site.bundle


def sparse_blob_of_10_gb(site: Site) -> Path:
    with (site.bundle / "blobs/sha256" / ("0" * 64)).open("wb") as file:
        file.truncate(10 << 30)
    return site.bundle


def blob_grown_to_10_gb(site: Site) -> Path:
    with site.blobs()[0].open("r+b") as file:
        file.truncate(10 << 30)
    return site.bundle


def file_beside(site: Site) -> Path:
    (site.bundle / "install.sh").write_text("rm -rf /")
    return site.bundle


def blob_that_is_a_link(site: Site) -> Path:
    blob = site.blobs()[0]
    blob.rename(site.folder / "elsewhere")
    blob.symlink_to(site.folder / "elsewhere")
    return site.bundle


def pipe_beside(site: Site) -> Path:
    os.mkfifo(site.bundle / "signatures" / "x.sig")
    return site.bundle


def index_edited(site: Site) -> Path:
    path = site.bundle / "index.json"
    index = json.loads(path.read_text())
    index["annotations"] = {"dev.staithe.bundle.name": "site"}
    path.write_text(json.dumps(index))
    return site.bundle


def signature_removed(site: Site) -> Path:
    return site.unsigned()


def signature_by_a_stranger(site: Site) -> Path:
    site.unsigned()
    sign(site.bundle, make_key(site.folder / "stranger", "stranger", site.folder / "others"))
    return site.bundle


def second_signature_by_a_stranger(site: Site) -> Path:
    sign(site.bundle, make_key(site.folder / "stranger", "stranger", site.folder / "others"))
    return site.bundle


def signature_that_is_none(site: Site) -> Path:
    next((site.bundle / "signatures").iterdir()).write_text("trust me")
    return site.bundle


def signature_of_a_gigabyte(site: Site) -> Path:
    with next((site.bundle / "signatures").iterdir()).open("r+b") as file:
        file.truncate(1 << 30)
    return site.bundle


def signature_of_another_bundle(site: Site) -> Path:
    build_bundle(site.folder / "other", "28.5.2", "28.5.3")
    site.unsigned()
    sign(site.folder / "other" / "bundle", site.folder / "made" / "signer")
    (site.bundle / "signatures").mkdir()
    for path in (site.folder / "other" / "bundle" / "signatures").iterdir():
        shutil.copy(path, site.bundle / "signatures" / "signer.sig")
    return site.bundle


def signature_for_another_purpose(site: Site) -> Path:
    site.unsigned()
    line = subprocess.run(["sha256sum", "index.json"], cwd=site.bundle, capture_output=True, check=True).stdout
    key = str(site.folder / "made" / "signer")
    signed = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "file", "-f", key], input=line, capture_output=True, check=True
    )
    (site.bundle / "signatures").mkdir()
    (site.bundle / "signatures" / "signer.sig").write_bytes(signed.stdout)
    return site.bundle


def expired_key(site: Site) -> Path:
    site.signed_by("late@example.com", 'valid-before="20200101"')
    return site.bundle


def key_of_tomorrow(site: Site) -> Path:
    site.signed_by("early@example.com", 'valid-after="20900101"')
    return site.bundle


def signer_of_something_else(site: Site) -> Path:
    site.signed_by("git@example.com")
    site.allowed.write_text(site.allowed.read_text().replace("bundle@staithe", "git"))
    return site.bundle


def revoked_key(site: Site) -> Path:
    site.trust["revoked_keys"] = str(site.folder / "made" / "signer.pub")
    return site.bundle


def key_of_a_revocation_list(site: Site) -> Path:
    krl = site.folder / "revoked.krl"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", krl, site.folder / "made" / "signer.pub"], check=True)
    site.trust["revoked_keys"] = str(krl)
    return site.bundle


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def tar_with_a_path_that_escapes(site: Site) -> Path:
    return site.as_tar(_member("blobs/../../../etc/cron.d/x"))


def tar_with_an_absolute_path(site: Site) -> Path:
    return site.as_tar(_member("/etc/cron.d/x"))


def tar_with_a_device(site: Site) -> Path:
    return site.as_tar(_member("blobs/sda", tarfile.BLKTYPE))


def tar_with_a_hard_link(site: Site) -> Path:
    return site.as_tar(_member("blobs/x", tarfile.LNKTYPE, "/etc/shadow"))


def tar_with_a_symbolic_link(site: Site) -> Path:
    return site.as_tar(_member("blobs/x", tarfile.SYMTYPE, "/etc"))


def tar_with_an_entry_twice(site: Site) -> Path:
    info, _ = _member("index.json")
    content = (site.bundle / "index.json").read_bytes()
    info.size = len(content)
    return site.as_tar((info, content))


def tar_with_a_sparse_bomb(site: Site) -> Path:
    info = tarfile.TarInfo("blobs/sha256/" + "0" * 64)
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:398] = header[483:495] = f"{10 << 30:011o}\0".encode()
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    path = site.as_tar()
    whole = path.read_bytes().rstrip(b"\0")
    path.write_bytes(whole + bytes(-len(whole) % 512) + bytes(header) + bytes(1024))
    return path


def tar_that_was_cut(site: Site) -> Path:
    path = site.as_tar()
    os.truncate(path, path.stat().st_size * 2 // 3)
    return path


def tar_that_is_compressed(site: Site) -> Path:
    path = site.as_tar()
    subprocess.run(["gzip", path], check=True)
    return path.with_name("bundle.tar.gz")


def delta_without_its_base(site: Site) -> Path:
    out = site.folder / "delta.tar"
    done = site.staithe("bundle", "export", str(site.bundle), "--out", str(out), "--since", str(site.bundle))
    assert done.returncode == 0, done.stderr
    return out


CASES: dict[Callable[[Site], Path], tuple[str, str]] = {
    flipped_byte: ("E400", "a blob was changed"),
    flipped_byte_in_a_tar: ("E400", "a blob was changed"),
    flipped_byte_of_a_manifest: ("E400", "a blob was changed"),
    blob_removed: ("E400", "a blob is missing"),
    blob_added: ("E400", "does not belong to the bundle"),
    sparse_blob_of_10_gb: ("E400", "does not belong to the bundle"),
    blob_grown_to_10_gb: ("E400", "a blob has another size"),
    file_beside: ("E400", "install.sh: a file does not belong to the bundle"),
    blob_that_is_a_link: ("E400", "a blob is missing"),
    pipe_beside: ("E400", "x.sig: a file does not belong to the bundle"),
    index_edited: ("E402", "does not belong to this bundle"),
    signature_removed: ("E401", "the bundle is not signed"),
    signature_by_a_stranger: ("E402", "a stranger has signed the bundle"),
    second_signature_by_a_stranger: ("E402", "a stranger has signed the bundle"),
    signature_that_is_none: ("E402", "this is no SSH signature"),
    signature_of_a_gigabyte: ("E402", "this is no SSH signature"),
    signature_of_another_bundle: ("E402", "does not belong to this bundle"),
    signature_for_another_purpose: ("E402", "does not belong to this bundle"),
    expired_key: ("E402", "the key of a signer has expired"),
    key_of_tomorrow: ("E402", "the key of a signer is not valid yet"),
    signer_of_something_else: ("E402", "git@example.com may not sign bundles"),
    revoked_key: ("E402", "the key of signer@example.com is revoked"),
    key_of_a_revocation_list: ("E402", "the key of signer@example.com is revoked"),
    tar_with_a_path_that_escapes: ("E400", "leads out of the bundle"),
    tar_with_an_absolute_path: ("E400", "leads out of the bundle"),
    tar_with_a_device: ("E400", "is a device node"),
    tar_with_a_hard_link: ("E400", "is a hard link"),
    tar_with_a_symbolic_link: ("E400", "is a symbolic link"),
    tar_with_an_entry_twice: ("E400", "index.json is in the tar twice"),
    tar_with_a_sparse_bomb: ("E400", "is a sparse file"),
    tar_that_was_cut: ("E400", "damaged or cut short"),
    tar_that_is_compressed: ("E400", "gzip -d"),
    delta_without_its_base: ("E400", "--with OLD"),
}


@pytest.mark.parametrize("tamper", CASES, ids=lambda tamper: tamper.__name__)
def test_it_is_refused_before_any_host_is_touched(site: Site, tamper: Callable[[Site], Path]) -> None:
    code, words = CASES[tamper]
    path = tamper(site)
    for done in (site.verify(path), site.apply(path)):
        assert done.returncode == 5, done.stdout + done.stderr
        assert f"error {code}: " in done.stderr
        assert words in done.stderr
        assert done.stderr.count("error ") == 1
        assert "Traceback" not in done.stderr
        assert "  try: " in done.stderr
    assert not site.was_touched()


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_what_nobody_changed_goes_to_the_host(site: Site, form: str) -> None:
    """The twin: this host's door is tried."""
    path = site.bundle if form == "folder" else site.as_tar()
    assert site.verify(path).returncode == 0
    done = site.apply(path)
    assert done.returncode == 1, done.stderr
    assert site.was_touched()


def test_a_blob_that_is_changed_after_it_was_hashed_is_hashed_again(site: Site) -> None:
    """Even with its former times: those that only the kernel sets have moved."""
    for path in (site.bundle, *site.bundle.rglob("*")):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    subprocess.run(["sleep", "2.5"], check=True)
    assert site.apply(site.bundle).returncode == 1
    assert site.was_touched()
    remembered = (site.folder / ".staithe" / "hashed-bundles.json").read_text()
    assert str(site.bundle) in remembered
    flipped_byte(site)
    for path in site.blobs():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    refused = site.apply(site.bundle)
    assert refused.returncode == 5
    assert "a blob was changed" in refused.stderr
    assert not site.was_touched()


def test_an_unsigned_bundle_goes_where_the_configuration_says_so(site: Site) -> None:
    path = site.unsigned()
    assert site.apply(path).returncode == 5
    assert site.apply(path, allow_unsigned=True).returncode == 1
    assert site.was_touched()
    # A signature that is there must still be good.
    sign(path, make_key(site.folder / "stranger", "stranger", site.folder / "others"))
    refused = site.apply(path, allow_unsigned=True)
    assert (refused.returncode, "a stranger" in refused.stderr) == (5, True)


def test_a_signed_bundle_without_anybody_to_trust(site: Site) -> None:
    refused = site.apply(site.bundle, allowed_signers=None)
    assert refused.returncode == 2
    assert "trust.allowed_signers: not given" in refused.stderr
    assert "SHA256:" in refused.stderr


def test_all_who_are_required_must_have_signed(site: Site) -> None:
    names = ["signer@example.com", "second@example.com"]
    second = make_key(site.folder / "second", names[1], site.allowed)
    refused = site.apply(site.bundle, required_signers=names)
    assert refused.returncode == 5
    assert "second@example.com must sign the bundle too" in refused.stderr
    assert not site.was_touched()
    sign(site.bundle, second)
    assert site.apply(site.bundle, required_signers=names).returncode == 1
    assert site.was_touched()
    # The record of the run says who answers for what went to the hosts.
    newest = max(site.folder.glob(".staithe/runs/*/events.jsonl")).read_text().splitlines()
    (used,) = next(one["bundles"] for one in map(json.loads, newest) if one["type"] == "run_started")
    assert (used["path"], sorted(used["signers"])) == (str(site.bundle), sorted(names))


@pytest.mark.parametrize("name", ["allowed_signers", "revoked_keys"])
@pytest.mark.parametrize("kind", ["nowhere", "folder", "pipe"])
def test_files_of_keys_that_are_none(site: Site, name: str, kind: str) -> None:
    path = site.folder / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    refused = site.apply(site.bundle, **{name: str(path)})
    assert refused.returncode == 2
    assert f"{kind}: {'there is no such file' if kind == 'nowhere' else 'this is no file'}" in refused.stderr
    assert not site.was_touched()


def _with_serial(folder: Path, serial: int) -> Path:
    """Build a signed generation of the bundle `site`."""
    made = build_bundle(folder, "28.5.2")
    out = folder / "serial"
    engine, image = folder / "docker-28.5.2.tgz", folder / "smoke.tar"
    build = [PROGRAM, "bundle", "build", "--name", "site", "--serial", str(serial), "--out", str(out)]
    build += ["--engine", str(engine), "--image", str(image)]
    subprocess.run(build, check=True, capture_output=True)
    sign(out, made.parent / "signer")
    return out


def test_an_older_bundle_is_refused(tmp_path: Path) -> None:
    """By what was applied from this machine, and by what the host remembers."""
    old, new = (_with_serial(tmp_path / str(serial), serial) for serial in (7, 10))
    keys = "".join((path.parent / "allowed_signers").read_text() for path in (old, new))
    for path in (old, new):
        (path.parent / "allowed_signers").write_text(keys)
    (tmp_path / "site").mkdir()
    fake = FakeSite(tmp_path / "site", new)
    fake.add("h1", fake.converged())
    assert fake.staithe("apply", "inventory.py", "--yes", "--json").outcomes == {"h1": "unchanged"}

    for command in (("plan", "inventory.py"), ("apply", "inventory.py", "--yes")):
        refused = fake.staithe(*command, "--bundle", str(old), code=5)
        assert "error E403" in refused.err
        assert "lock serial 7" in refused.err
        assert "10 or higher" in refused.err
        assert "--allow-older" in refused.err
    verify = ("bundle", "verify", str(old), "--allowed-signers", str(old.parent / "allowed_signers"))
    assert "error E403" in fake.staithe(*verify, code=5).err
    fake.staithe(*verify, "--allow-older")
    assert fake.staithe("plan", "inventory.py", "--bundle", str(old), "--allow-older", "--json").host("h1")["changes"]
    # Another machine, where nothing was applied yet: the host knows.
    shutil.rmtree(tmp_path / "site" / ".staithe")
    refused = fake.staithe("plan", "inventory.py", "--bundle", str(old), "--json", code=4)
    assert [one["code"] for one in refused.host("h1")["problems"]] == ["E314"]
    assert fake.staithe("plan", "inventory.py", "--bundle", str(old), "--allow-older", "--json").host("h1")["changes"]
    # The same and newer ones pass.
    assert fake.staithe("apply", "inventory.py", "--yes", "--json").outcomes == {"h1": "unchanged"}
