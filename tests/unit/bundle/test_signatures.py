"""Signatures and the commands around them: by staithe and by hand, by several, and where ssh-keygen is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archives import build_bundle, make_key, sign

ROOT = Path(__file__).parents[3]
PROGRAM = str(Path(sys.executable).with_name("staithe"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder as the page has it: ./bundle unsigned, ./allowed_signers, and a key in the home folder."""
    build_bundle(tmp_path, "28.5.2")
    shutil.rmtree(tmp_path / "bundle" / "signatures")
    (tmp_path / "allowed_signers").unlink()
    (tmp_path / ".ssh").mkdir()
    make_key(tmp_path / ".ssh" / "id_ed25519", "build@example.com", tmp_path / "allowed_signers")
    return tmp_path


def by_hand(site: Path, what: str) -> subprocess.CompletedProcess[str]:
    """Type the commands of the page, in a shell that has no staithe."""
    page = (ROOT / "docs" / "air-gap.md").read_text(encoding="utf-8")
    block = re.search(rf"<!-- by hand, {what}: begin -->\n```sh\n(.*?)```\n<!-- by hand, {what}: end -->", page, re.S)
    assert block is not None
    return subprocess.run(
        ["sh", "-e"],
        input=block[1],
        cwd=site,
        env={"HOME": str(site), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def staithe(site: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=site,
        env={**os.environ, "COLUMNS": "200", **({"PATH": path} if path is not None else {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def verify(site: Path, *more: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return staithe(site, "bundle", "verify", "bundle", "--allowed-signers", "allowed_signers", *more, path=path)


def test_signed_by_staithe_verified_by_hand(site: Path) -> None:
    index = (site / "bundle" / "index.json").read_bytes()
    done = staithe(site, "bundle", "sign", "bundle", "--key", ".ssh/id_ed25519")
    assert done.returncode == 0, done.stderr
    # The line to copy is the one that allows.
    line = done.stdout.splitlines()[-1].strip().replace("NAME", "build@example.com")
    assert line == (site / "allowed_signers").read_text().strip()
    assert (site / "bundle" / "index.json").read_bytes() == index
    (made,) = (site / "bundle" / "signatures").iterdir()
    made.rename(made.with_name("build.sig"))
    seen = by_hand(site, "verify")
    assert seen.returncode == 0, seen.stderr
    assert 'Good "bundle@staithe" signature for build@example.com' in seen.stdout


def test_signed_by_hand_verified_by_staithe(site: Path) -> None:
    signed = by_hand(site, "sign")
    assert signed.returncode == 0, signed.stderr
    done = verify(site)
    assert done.returncode == 0, done.stderr
    assert "signed by build@example.com (signatures/build.sig)" in done.stdout


@pytest.mark.parametrize("what", ["index", "blob"])
def test_by_hand_a_change_is_seen(site: Path, what: str) -> None:
    by_hand(site, "sign")
    assert by_hand(site, "verify").returncode == 0
    blobs = site / "bundle" / "blobs" / "sha256"
    path = site / "bundle" / "index.json" if what == "index" else sorted(blobs.iterdir())[0]
    path.write_bytes(path.read_bytes() + b" ")
    assert by_hand(site, "verify").returncode != 0


def test_several_sign_and_signing_again_changes_nothing(site: Path) -> None:
    make_key(site / "second", "second@example.com", site / "allowed_signers")
    for key in (".ssh/id_ed25519", "second", "second"):
        sign(site / "bundle", site / key)
    done = verify(site, "--signer", "build@example.com", "--signer", "second@example.com")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("signed by ") == 2
    refused = verify(site, "--signer", "boss@example.com")
    assert (refused.returncode, "boss@example.com must sign" in refused.stderr) == (5, True)
    shown = staithe(site, "bundle", "show", "bundle")
    assert shown.stdout.count("signature by SHA256:") == 2


def test_a_certificate_authority(site: Path) -> None:
    """Whoever has a certificate of the authority is known by the name in it."""
    run = ["ssh-keygen", "-q"]
    subprocess.run([*run, "-t", "ed25519", "-N", "", "-f", site / "ca"], check=True)
    key = site / ".ssh" / "id_ed25519"
    subprocess.run(
        [*run, "-s", site / "ca", "-I", "x", "-n", "carol@example.com", "-V", "+1d", f"{key}.pub"], check=True
    )
    kind, public = (site / "ca.pub").read_text().split()[:2]
    (site / "allowed_signers").write_text(
        f'*@example.com cert-authority,namespaces="bundle@staithe" {kind} {public}\n'
    )
    done = staithe(site, "bundle", "sign", "bundle", "--key", ".ssh/id_ed25519-cert.pub")
    assert done.returncode == 0, done.stderr
    assert "signed by carol@example.com" in verify(site).stdout


def test_a_damaged_bundle_is_not_signed(site: Path) -> None:
    blob = sorted((site / "bundle" / "blobs" / "sha256").iterdir())[0]
    blob.write_bytes(bytes(blob.stat().st_size))
    done = staithe(site, "bundle", "sign", "bundle", "--key", ".ssh/id_ed25519")
    assert done.returncode == 5
    assert not (site / "bundle" / "signatures").exists()


@pytest.mark.parametrize(
    ("key", "words"), [("nowhere", "there is no such key"), ("allowed_signers", "ssh-keygen did not sign")]
)
def test_a_key_that_is_none(site: Path, key: str, words: str) -> None:
    done = staithe(site, "bundle", "sign", "bundle", "--key", key)
    assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert not (site / "bundle" / "signatures").exists()


def test_a_tar_is_not_signed(site: Path) -> None:
    staithe(site, "bundle", "export", "bundle", "--out", "bundle.tar")
    done = staithe(site, "bundle", "sign", "bundle.tar", "--key", ".ssh/id_ed25519")
    assert done.returncode == 2
    assert "sign the folder" in done.stderr


def _tools(site: Path, version: str | None) -> str:
    """Return a PATH with an ssh-keygen whose ssh says this version; None: with neither."""
    folder = site / "tools"
    folder.mkdir()
    if version is not None:
        (folder / "ssh-keygen").symlink_to("/usr/bin/ssh-keygen")
        (folder / "ssh").write_text(f"#!/bin/sh\necho '{version}' >&2\n")
        (folder / "ssh").chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, "ssh-keygen is not installed"),
        ("OpenSSH_8.1p1, LibreSSL 2.9.0", "OpenSSH 8.2 or newer"),
        ("Sun_SSH_2.2", "OpenSSH 8.2 or newer"),
    ],
)
def test_a_machine_that_cannot_check(site: Path, version: str | None, words: str) -> None:
    sign(site / "bundle", site / ".ssh" / "id_ed25519")
    done = verify(site, path=_tools(site, version))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("version", ["OpenSSH_8.2p1 Ubuntu-4", "OpenSSH_10.0p2, LibreSSL 4.1.0"])
def test_a_machine_that_can(site: Path, version: str) -> None:
    sign(site / "bundle", site / ".ssh" / "id_ed25519")
    assert verify(site, path=_tools(site, version)).returncode == 0


def test_building_again_takes_the_signatures_away(site: Path) -> None:
    sign(site / "bundle", site / ".ssh" / "id_ed25519")
    again = ("bundle", "build", "--image", "smoke.tar", "--engine", "docker-28.5.2.tgz", "--out", "bundle")
    assert "--force" in staithe(site, *again).stderr
    assert staithe(site, *again, "--force").returncode == 0
    assert "error E401" in verify(site).stderr
