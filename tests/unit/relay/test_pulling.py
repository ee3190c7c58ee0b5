"""The scripts with which a host pulls blobs, run by real shells and the real curl against servers that misbehave."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from staithe.bundle.contents import Blob
from staithe.bundle.read import read_bundle
from staithe.relay.origin import Origin
from staithe.relay.pulling import SAYS, pull_blob_script, pull_engine_script
from tests.file_server import FileServer, file_server

CONTENT = os.urandom(300_000)
BLOB = Blob(f"sha256:{hashlib.sha256(CONTENT).hexdigest()}", len(CONTENT), "")
PATH = f"/sha256/{BLOB.hex}"
OTHER = bytes(reversed(CONTENT))


@pytest.fixture(params=["dash", "bash", "busybox sh"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = str(request.param).split()
    assert shutil.which(words[0]), f"{words[0]} is missing: make setup installs it"
    return words


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as served:
        served.files[PATH] = CONTENT
        yield served


def run(
    shell: list[str], script: str, root: Path, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script with its absolute paths moved below `root`."""
    script = re.sub(r"(?<![\w.])(?=/(?:var/lib/staithe|usr/libexec))", lambda _: str(root), script)
    done = subprocess.run(
        [*shell, "-c", script], input=stdin, capture_output=True, timeout=60, env={**os.environ, **(env or {})}
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def pull(
    shell: list[str], root: Path, server: FileServer, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return run(shell, pull_blob_script(BLOB, Origin("relay", url=server.url + PATH)), root, env=env)


def blobs(root: Path) -> Path:
    return root / "var/lib/staithe/blobs/sha256"


def left(root: Path) -> list[str]:
    """What is there after a pull, hidden files too."""
    found = [path.name for path in (root / "var/lib/staithe").rglob("*") if path.is_file()]
    return sorted(found)


def said(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.removeprefix(SAYS) for line in done.stderr.splitlines() if line.startswith(SAYS)]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_blob_arrives(shell: list[str], tmp_path: Path, server: FileServer) -> None:
    done = pull(shell, tmp_path, server)
    assert (done.returncode, done.stderr) == (0, "")
    assert (blobs(tmp_path) / BLOB.hex).read_bytes() == CONTENT
    assert left(tmp_path) == [BLOB.hex]
    assert oct((blobs(tmp_path) / BLOB.hex).stat().st_mode)[-3:] == "600"


def test_a_cut_line_goes_on_where_it_was(shell: list[str], tmp_path: Path, server: FileServer) -> None:
    server.cuts[PATH] = [100_000, 250_000]
    assert pull(shell, tmp_path, server).returncode == 0
    assert (blobs(tmp_path) / BLOB.hex).read_bytes() == CONTENT
    assert [asked for _, asked, _ in server.requests] == [None, "bytes=100000-", "bytes=250000-"]


def test_what_a_killed_run_left_is_used(shell: list[str], tmp_path: Path, server: FileServer) -> None:
    blobs(tmp_path).mkdir(parents=True)
    (blobs(tmp_path) / f".{BLOB.hex}.part").write_bytes(CONTENT[:200_000])
    assert pull(shell, tmp_path, server).returncode == 0
    assert (blobs(tmp_path) / BLOB.hex).read_bytes() == CONTENT
    assert server.sent_bytes == 100_000


@pytest.mark.parametrize("garbage", [OTHER[:200_000], OTHER, OTHER + b"more"], ids=["part", "whole", "more"])
@pytest.mark.parametrize("ranges", [True, False])
def test_garbage_that_was_left_costs_one_more_pull(
    shell: list[str], tmp_path: Path, server: FileServer, garbage: bytes, ranges: bool
) -> None:
    server.ranges = ranges
    blobs(tmp_path).mkdir(parents=True)
    (blobs(tmp_path) / f".{BLOB.hex}.part").write_bytes(garbage)
    assert pull(shell, tmp_path, server).returncode == 0
    assert (blobs(tmp_path) / BLOB.hex).read_bytes() == CONTENT
    assert left(tmp_path) == [BLOB.hex]


@pytest.mark.parametrize(
    "wrong", [OTHER, OTHER[:1000], b"", CONTENT + b"x" * 5_000_000], ids=["other", "short", "empty", "endless"]
)
def test_wrong_bytes_are_refused(shell: list[str], tmp_path: Path, server: FileServer, wrong: bytes) -> None:
    server.files[PATH] = wrong
    done = pull(shell, tmp_path, server)
    assert done.returncode == 65
    assert said(done).startswith("refused: sha256 is ")
    if len(wrong) <= len(CONTENT):
        assert hashlib.sha256(wrong).hexdigest() in said(done)
    assert left(tmp_path) == []


def test_the_server_has_it_not(shell: list[str], tmp_path: Path, server: FileServer) -> None:
    server.files.clear()
    done = pull(shell, tmp_path, server)
    assert done.returncode == 65
    assert "404" in said(done)
    assert left(tmp_path) == []


def test_nobody_answers(shell: list[str], tmp_path: Path) -> None:
    done = run(shell, pull_blob_script(BLOB, Origin("relay", url="http://127.0.0.1:9/x")), tmp_path)
    assert done.returncode == 65
    assert "curl: (7)" in said(done)
    assert left(tmp_path) == []


def test_nobody_is_followed_elsewhere(shell: list[str], tmp_path: Path, server: FileServer) -> None:
    with file_server() as other:
        other.files[PATH] = CONTENT
        server.redirects[PATH] = other.url + PATH
        done = pull(shell, tmp_path, server)
        assert other.requests == []
    assert done.returncode == 65
    assert "it sends hosts elsewhere, where they do not go: 30" in said(done)


def test_no_curl(shell: list[str], tmp_path: Path, server: FileServer) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("mkdir", "find", "rm", "stat", "cat", "sha256sum"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    script = pull_blob_script(BLOB, Origin("relay", url=server.url + PATH))
    done = run([str(shutil.which(shell[0])), *shell[1:]], script, tmp_path, env={"PATH": str(tmp_path / "bin")})
    assert done.returncode == 69
    assert said(done) == "there is no curl on the host"
    assert not (tmp_path / "var/lib/staithe/.pull").exists()


@pytest.mark.parametrize("lacks", ["stdbuf", "its library", "openssl", "both"])
def test_what_only_makes_it_faster_may_be_missing(
    shell: list[str], tmp_path: Path, server: FileServer, lacks: str
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("curl", "mkdir", "rm", "mv", "sha256sum", "stdbuf", "openssl"):
        if name != lacks and not (lacks == "both" and name in ("stdbuf", "openssl")):
            (tools / name).symlink_to(str(shutil.which(name)))
    if lacks == "its library":
        # What the real one says then, of itself.
        (tools / "stdbuf").unlink()
        (tools / "stdbuf").write_text("#!/bin/sh\necho \"stdbuf: failed to find 'libstdbuf.so'\" >&2\nexit 125\n")
        (tools / "stdbuf").chmod(0o755)
    script = pull_blob_script(BLOB, Origin("relay", url=server.url + PATH))
    done = run([str(shutil.which(shell[0])), *shell[1:]], script, tmp_path, env={"PATH": str(tools)})
    assert (done.returncode, done.stderr) == (0, "")
    assert (blobs(tmp_path) / BLOB.hex).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_what_others_left_long_ago_is_taken_away(shell: list[str], tmp_path: Path, server: FileServer) -> None:
    blobs(tmp_path).mkdir(parents=True)
    old, new = blobs(tmp_path) / f".{'0' * 64}.part", blobs(tmp_path) / f".{'1' * 64}.part"
    for part in (old, new):
        part.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert pull(shell, tmp_path, server).returncode == 0
    assert left(tmp_path) == sorted([new.name, BLOB.hex])


def test_what_the_environment_says_of_proxies_is_nothing(
    shell: list[str], tmp_path: Path, server: FileServer
) -> None:
    dead = "http://127.0.0.1:9"
    (tmp_path / ".curlrc").write_text(f'proxy = "{dead}"\n')
    env = {"http_proxy": dead, "HTTPS_PROXY": dead, "ALL_PROXY": dead, "HOME": str(tmp_path)}
    assert pull(shell, tmp_path, server, env=env).returncode == 0


def test_a_login_goes_to_the_server_and_into_no_argument(
    shell: list[str], tmp_path: Path, server: FileServer
) -> None:
    login = b'user = "me:se\\"cret"\n'
    shims = tmp_path / "bin"
    shims.mkdir()
    (shims / "curl").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/seen\nenv >> {tmp_path}/seen\n'
        f'exec {shutil.which("curl")} "$@"\n'
    )
    (shims / "curl").chmod(0o755)
    server.cuts[PATH] = [1000]
    script = pull_blob_script(BLOB, Origin("relay", url=server.url + PATH, login=login.decode()))
    done = run(shell, script, tmp_path, login, {"PATH": f"{shims}:{os.environ['PATH']}"})
    assert done.returncode == 0
    assert "cret" not in script
    assert server.logins == ["Basic bWU6c2UiY3JldA=="] * 2
    seen = (tmp_path / "seen").read_text()
    assert "cret" not in seen
    # What makes it faster was in effect.
    assert "_STDBUF_O=32768" in seen.splitlines()


def test_the_relay_takes_its_own_without_a_copy(shell: list[str], tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.write_bytes(CONTENT)
    script = pull_blob_script(BLOB, Origin("relay", path=str(served)))
    assert run(shell, script, tmp_path).returncode == 0
    assert (blobs(tmp_path) / BLOB.hex).samefile(served)
    served.unlink()
    served.write_bytes(OTHER)
    (blobs(tmp_path) / BLOB.hex).unlink()
    done = run(shell, script, tmp_path)
    assert done.returncode == 65
    assert said(done) == f"refused: sha256 is {hashlib.sha256(OTHER).hexdigest()}"
    assert left(tmp_path) == []


def test_the_relay_takes_its_own_from_another_file_system(shell: list[str], tmp_path: Path, elsewhere: Path) -> None:
    served = elsewhere / "served"
    served.write_bytes(CONTENT)
    # Something that the script has to leave alone: whatever ran before may have linked it.
    other = tmp_path / "other"
    other.write_bytes(OTHER)
    blobs(tmp_path).mkdir(parents=True)
    (blobs(tmp_path) / f".{BLOB.hex}.part").hardlink_to(other)
    script = pull_blob_script(BLOB, Origin("relay", path=str(served)))
    done = run(shell, script, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (blobs(tmp_path) / BLOB.hex).read_bytes() == CONTENT
    assert left(tmp_path) == [BLOB.hex]
    assert other.read_bytes() == OTHER
    served.write_bytes(OTHER)
    (blobs(tmp_path) / BLOB.hex).unlink()
    assert run(shell, script, tmp_path).returncode == 65
    assert left(tmp_path) == []


@pytest.mark.parametrize("from_path", [False, True])
def test_the_engine_is_unpacked_on_its_way(
    shell: list[str], tmp_path: Path, server: FileServer, small_bundle: Path, from_path: bool
) -> None:
    bundle = read_bundle(small_bundle)
    engine = bundle.engines[0]
    archive = small_bundle / "blobs/sha256" / engine.archive.hex
    server.files["/engine"] = archive.read_bytes()
    origin = Origin("relay", path=str(archive)) if from_path else Origin("relay", url=f"{server.url}/engine")
    done = run(shell, pull_engine_script(engine, origin), tmp_path)
    assert done.returncode == 0, done.stderr
    placed = tmp_path / "usr/libexec/docker/staithe" / engine.directory
    assert {path.name for path in placed.iterdir()} == set(engine.programs)
    for name, program in engine.programs.items():
        assert hashlib.sha256((placed / name).read_bytes()).hexdigest() == program.sha256


@pytest.mark.parametrize("way", ["other", "short", "longer", "cut", "lost"])
def test_another_engine_is_refused(
    shell: list[str], tmp_path: Path, server: FileServer, small_bundle: Path, way: str
) -> None:
    engine = read_bundle(small_bundle).engines[0]
    whole = (small_bundle / "blobs/sha256" / engine.archive.hex).read_bytes()
    wrong = {"other": OTHER[: len(whole)], "short": whole[:100], "longer": whole + b"x"}
    server.files["/engine"] = wrong.get(way, whole)
    if way == "cut":
        server.cuts["/engine"] = [100]
    target = "/nothing" if way == "lost" else "/engine"
    done = run(shell, pull_engine_script(engine, Origin("relay", url=server.url + target)), tmp_path)
    assert done.returncode not in (0, 69)
    refused = f"refused: sha256 is {hashlib.sha256(server.files['/engine']).hexdigest()}"
    expected = {"cut": "curl: (18)", "lost": "404"}.get(way, refused)
    assert expected in said(done)
    assert not (tmp_path / "usr/libexec/docker/staithe" / engine.directory).exists()
