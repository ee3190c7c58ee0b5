"""`staithe bundle build` that is killed, without room or without a network, and the cache that it goes on from."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.archives import engine_archive
from tests.file_server import file_server
from tests.rpm_site import CLI, HAS_TOOLS, Site, files_of

pytestmark = pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's rpm and gnupg")


def test_offline_takes_all_from_the_cache(locked: Site) -> None:
    told = locked.run("build", "--offline", code=5).stderr
    assert "--offline fetches nothing" in told
    assert not (locked.home / "bundle").exists()
    locked.run("build")
    for folder in ("docker", "base"):
        shutil.rmtree(locked.home / folder)
    before = files_of(locked.home / "bundle")
    locked.run("build", "--offline", "--force")
    assert files_of(locked.home / "bundle") == before


def test_two_bundles_share_what_was_fetched(locked: Site) -> None:
    locked.run("build")
    locked.run("build", "--out", "second", "--offline")
    assert files_of(locked.home / "second") == files_of(locked.home / "bundle")


def test_killed_anywhere_it_goes_on_where_it_was(site: Site) -> None:
    seed = int(os.environ.get("STAITHE_KILL_SEED") or random.randrange(10**6))
    print(f"STAITHE_KILL_SEED={seed}")
    chance = random.Random(seed)
    folder = site.home / "static/x86_64"
    folder.mkdir(parents=True)
    with file_server() as server:
        shutil.copy(
            engine_archive(site.home, "28.5.2", padding=chance.randbytes(24 << 20)), folder / "docker-28.5.2.tgz"
        )
        files = [path for path in site.home.rglob("*") if path.is_file()]
        server.files = {f"/{path.relative_to(site.home)}": path.read_bytes() for path in files}
        server.pace_bytes_per_s = 40 << 20
        site.describe(
            f'[engine]\nversion = "28.5.2"\nsources = ["static"]\nstatic = "{server.url}/static"\n', base="base"
        )
        server.files["/static/x86_64/"] = b'<a href="docker-28.5.2.tgz">'
        site.run("lock")
        shutil.rmtree(site.home / "cache")
        server.requests.clear()
        for _ in range(8):
            process = subprocess.Popen(
                [CLI, "bundle", "build"],
                cwd=site.home,
                env={**os.environ, "STAITHE_CACHE": str(site.home / "cache")},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(chance.uniform(0.3, 1.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
            for name, digest in files_of(site.home / "cache/sha256").items():
                assert name == digest, "a wrong file under a right name"
        site.run("build", "--force")
        size = (folder / "docker-28.5.2.tgz").stat().st_size
        # What was on the wire or in a buffer when it was killed comes again; nothing else.
        assert server.sent_bytes < size + 9 * (4 << 20)
    bundle = site.home / "bundle"
    for name, digest in files_of(bundle).items():
        assert not name.startswith("blobs/") or name.endswith(digest)
    assert not list(site.home.glob(".bundle*")), "drafts of killed runs stay"


def test_a_full_disk_is_told(locked: Site, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts a tmpfs")
    small = tmp_path / "small"
    small.mkdir()
    script = f"mount -t tmpfs -o size=16k none {small} && exec {CLI} bundle build"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=locked.home,
        env={**os.environ, "STAITHE_CACHE": str(small)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert "No space left" in done.stderr
    assert not (locked.home / "bundle").exists()


def test_a_full_disk_for_the_bundle_is_told(locked: Site, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts a tmpfs")
    small = tmp_path / "small"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=16k none {small}; {CLI} bundle build --out {small}/bundle; echo $?; ls -A {small}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=locked.home,
        env={**os.environ, "STAITHE_CACHE": str(locked.home / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "5\n", done.stderr
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("offline", [False, True])
def test_what_was_changed_in_the_cache_is_not_believed(locked: Site, offline: bool) -> None:
    locked.run("build")
    before = files_of(locked.home / "bundle")
    for path in (locked.home / "cache/sha256").iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    if offline:
        assert "not in the cache" in locked.run("build", "--force", "--offline", code=5).stderr
    else:
        locked.run("build", "--force")
        assert files_of(locked.home / "bundle") == before
