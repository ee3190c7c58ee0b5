"""The texts that open, feed and end a relay; what they do on a real host, tests/lab/test_relay.py shows."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from staithe.bundle.contents import Blob
from staithe.relay import serving

BLOB = Blob(f"sha256:{'a' * 64}", 10, "")
TEXTS = {
    "open": serving.open_script("r1", "10.0.0.1", [18500], 60),
    "open, IPv6": serving.open_script("r1", "fd00::1", serving.DEFAULT_PORTS, 60),
    "offer": serving.offer_script("r1", 18500, "10.0.0.1", ["10.0.0.2", "fd00::2"], [BLOB], 60),
    "offer nothing": serving.offer_script("r1", 18500, "10.0.0.1", [], [], 60),
    "fill": serving.fill_script("r1", BLOB),
    "serve": serving.SERVE,
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("shell", ["dash", "bash --posix", "busybox sh"])
def test_each_is_posix_sh(shell: str, name: str) -> None:
    subprocess.run([*shell.split(), "-n"], input=TEXTS[name].encode(), check=True)


def test_addresses_of_both_kinds() -> None:
    assert "place=[fd00::1]:\n" in TEXTS["open, IPv6"]
    assert "place=10.0.0.1:\n" in TEXTS["open"]
    assert 'rule family="ipv6" source address="fd00::2" port port="18500" protocol="tcp" accept' in TEXTS["offer"]
    assert 'rule family="ipv4" source address="10.0.0.2" port port="18500" protocol="tcp" accept' in TEXTS["offer"]


def test_one_neighbour_cannot_have_all_connections() -> None:
    assert "MaxConnectionsPerSource=32 " in TEXTS["open"]
    # Else systemd ends the socket for good after 200 connections within 2 s.
    assert "TriggerLimitIntervalSec=0 " in TEXTS["open"]


def below(script: str, root: Path) -> str:
    return script.replace("/var/lib/staithe", f"{root}/var/lib/staithe")


def offer(root: Path, blob: Blob) -> subprocess.CompletedProcess[str]:
    script = below(serving.offer_script("r1", 18500, "10.0.0.1", ["10.0.0.2"], [blob], 60), root)
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True)


@pytest.mark.skipif(shutil.which("firewall-cmd") is not None, reason="it would open a port of this machine")
def test_what_an_earlier_run_left_is_served_without_a_copy(tmp_path: Path) -> None:
    content = b"a blob"
    blob = Blob(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), "")
    home, kept = tmp_path / "var/lib/staithe-relay/r1", tmp_path / "var/lib/staithe/blobs/sha256"
    (home / "sha256").mkdir(parents=True)
    kept.mkdir(parents=True)
    assert (offer(tmp_path, blob).returncode, offer(tmp_path, blob).stdout) == (0, "")
    (kept / blob.hex).write_bytes(b"another")
    assert offer(tmp_path, blob).stdout == "", "what was changed is no blob"
    (kept / blob.hex).write_bytes(content)
    assert offer(tmp_path, blob).stdout == f"{blob.hex}\n"
    assert (home / "sha256" / blob.hex).samefile(kept / blob.hex)
    assert set((home / "allowed").read_text().split()) == {"10.0.0.2"}


@pytest.mark.skipif(shutil.which("firewall-cmd") is not None, reason="it would open a port of this machine")
def test_what_an_earlier_run_left_on_another_file_system_is_served(tmp_path: Path, elsewhere: Path) -> None:
    blobs = [Blob(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), "") for content in (b"1", b"two")]
    home = tmp_path / "var/lib/staithe-relay/r1"
    (home / "sha256").mkdir(parents=True)
    (tmp_path / "var/lib/staithe").symlink_to(elsewhere)
    (elsewhere / "blobs/sha256").mkdir(parents=True)
    for blob, content in zip(blobs, (b"1", b"two"), strict=True):
        (elsewhere / "blobs/sha256" / blob.hex).write_bytes(content)
    # What cannot be copied is not offered, the rest is.
    (home / "sha256" / f".{blobs[0].hex}.part").mkdir()
    script = below(serving.offer_script("r1", 18500, "10.0.0.1", ["10.0.0.2"], blobs, 60), tmp_path)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{blobs[1].hex}\n"), done.stderr
    served = home / "sha256" / blobs[1].hex
    assert (served.read_bytes(), served.stat().st_mode & 0o777) == (b"two", 0o444)


def test_a_relay_that_is_over_takes_nothing_more(tmp_path: Path) -> None:
    for script in (TEXTS["offer"], TEXTS["fill"]):
        done = subprocess.run(["sh", "-c", below(script, tmp_path)], input="", capture_output=True, text=True)
        assert done.returncode == 1
        assert "the time of the relay is over" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_relay_outside_the_run_has_its_own_folder_alone(tmp_path: Path) -> None:
    content = b"a blob"
    blob = Blob(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), "")
    folder = tmp_path / "var/lib/staithe-relay/r1/sha256"
    folder.mkdir(parents=True)
    subprocess.run(["sh", "-c", below(serving.fill_script("r1", blob), tmp_path)], input=content, check=True)
    assert (folder / blob.hex).read_bytes() == content
    assert (folder / blob.hex).stat().st_mode & 0o777 == 0o444
    assert [path.name for path in (tmp_path / "var/lib").iterdir()] == ["staithe-relay"]
