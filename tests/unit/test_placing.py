"""The texts that place files, run by real shells against a folder that stands for the host's root."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from staithe import placing
from staithe.bundle.contents import Blob
from staithe.desired import File
from staithe.journal import open_text

SHELLS = ["dash", "bash", "busybox sh"]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = str(request.param).split()
    assert shutil.which(words[0]), f"{words[0]} is missing: make setup installs it"
    return words


def run(shell: list[str], script: str, stdin: bytes, root: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a script with its absolute paths moved below `root`."""
    # Only where a path begins: kept copies have the whole path of their file below another.
    script = re.sub(
        r"(?<![\w.])(?=/(?:etc/|var/lib/staithe|usr/bin|usr/libexec|usr/lib/systemd))", lambda _: str(root), script
    )
    script = script.replace("tar -C / ", f"tar -C {root} ")
    return subprocess.run([*shell, "-c", script], input=stdin, capture_output=True, timeout=30)


FILES = {"/etc/docker/daemon.json": File("{}\n"), "/etc/sysctl.d/99 it's.conf": File("a = 1\n", "600")}


def place(shell: list[str], root: Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    script = placing.place_script(FILES, opening=open_text("r1"), **options)  # type: ignore[arg-type]
    return run(shell, script, placing.archive_of(FILES), root)


def test_files_arrive_with_text_and_mode(shell: list[str], tmp_path: Path) -> None:
    done = place(shell, tmp_path)
    assert done.returncode == 0, done.stderr
    for path, file in FILES.items():
        placed = Path(f"{tmp_path}{path}")
        assert placed.read_text() == file.text
        assert oct(placed.stat().st_mode)[-3:] == file.mode
    assert not list(tmp_path.rglob("*staithe-new"))


def test_former_content_is_kept(shell: list[str], tmp_path: Path) -> None:
    path = tmp_path / "etc/docker/daemon.json"
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    assert place(shell, tmp_path, foreign=["/etc/docker/daemon.json"]).returncode == 0
    assert (tmp_path / "var/lib/staithe/original/etc/docker/daemon.json").read_text() == "mine\n"
    journal = tmp_path / "var/lib/staithe/journal"
    assert Path(f"{journal}/files{path}").read_text() == "mine\n"
    assert [line.removeprefix(str(tmp_path)) for line in (journal / "paths").read_text().splitlines()] == list(FILES)


def test_failed_validation_swaps_nothing(shell: list[str], tmp_path: Path) -> None:
    path = tmp_path / "etc/docker/daemon.json"
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    assert place(shell, tmp_path, validate="exit 67").returncode == 67
    assert path.read_text() == "mine\n"
    assert not list(tmp_path.rglob("*staithe-new"))


# Not busybox: its mv knows -T and does not mean it, and no PATH comes before its own commands. EL has coreutils.
@pytest.mark.parametrize("shell", ["dash", "bash"], indirect=True)
@pytest.mark.parametrize("is_link", [False, True])
def test_a_folder_in_the_files_place_is_left_as_it_is(shell: list[str], tmp_path: Path, is_link: bool) -> None:
    path = tmp_path / "etc/docker/daemon.json"
    folder = tmp_path / "elsewhere" if is_link else path
    folder.mkdir(parents=True)
    if is_link:
        path.parent.mkdir(parents=True)
        path.symlink_to(folder)
    done = place(shell, tmp_path)
    assert list(folder.iterdir()) == [], "nothing is moved into it"
    assert done.returncode == (0 if is_link else 1)
    assert path.is_file() == is_link
    assert not list(tmp_path.rglob("*staithe-new"))


@pytest.mark.parametrize("shell", ["dash", "bash"], indirect=True)
def test_nothing_is_left_beside_a_file_that_cannot_be_swapped(shell: list[str], tmp_path: Path) -> None:
    path = tmp_path / "etc/docker/daemon.json"
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    # What an immutable file does to mv: it fails when it swaps, and when it brings back.
    mv = tmp_path / "bin/mv"
    mv.parent.mkdir()
    mv.write_text("#!/bin/sh\necho immutable >&2\nexit 1\n")
    mv.chmod(0o755)
    script = f"PATH={mv.parent}:$PATH\n{placing.place_script(FILES, opening=open_text('r1'))}"
    assert run(shell, script, placing.archive_of(FILES), tmp_path).returncode == 1
    assert path.read_text() == "mine\n"
    assert not list(tmp_path.rglob("*staithe-new"))


def blob_of(data: bytes) -> Blob:
    import hashlib

    return Blob(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), "x")


def test_blob_gets_its_name_only_when_whole(shell: list[str], tmp_path: Path) -> None:
    data = b"cargo" * 1000
    script = placing.receive_blob_script(blob_of(data))
    store = tmp_path / "var/lib/staithe/blobs/sha256"
    for wrong in (data[:-1], data + b"x", b""):
        done = run(shell, script, wrong, tmp_path)
        assert done.returncode == 65
        assert list(store.iterdir()) == []
    assert run(shell, script, data, tmp_path).returncode == 0
    assert [path.read_bytes() for path in store.iterdir()] == [data]


def engine_archive(text: str = "program") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in ("dockerd", "runc"):
            info = tarfile.TarInfo(f"docker/{name}")
            data = f"{text} {name}".encode()
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def artifact_of(data: bytes) -> placing.EngineArtifact:
    from staithe.bundle.contents import Program

    programs = {name: Program("0" * 64, 1) for name in ("dockerd", "runc")}
    return placing.EngineArtifact("1.2.3", "x86_64", blob_of(data), programs)


@pytest.mark.parametrize("shell", ["dash", "bash"], indirect=True)
def test_engine_appears_only_when_the_whole_stream_is_right(shell: list[str], tmp_path: Path) -> None:
    data = engine_archive()
    engine = artifact_of(data)
    script = placing.receive_engine_script(engine)
    home = tmp_path / "usr/libexec/docker/staithe"
    # The last is a whole archive, of other programs: only its sha256 tells.
    for wrong in (data[:-9], data[:100], data + b"x", b"", engine_archive("another")):
        assert run(shell, script, wrong, tmp_path).returncode != 0
        assert list(home.iterdir()) == []
    # Just what was described, but no whole archive: the programs may all have come out.
    for odd in (data[:-4], data + b"x"):
        done = run(shell, placing.receive_engine_script(artifact_of(odd)), odd, tmp_path)
        assert done.returncode == 65 and b"no whole gzip file" in done.stderr
        assert list(home.iterdir()) == []
    done = run(shell, script, data, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (home / engine.directory / "runc").read_text() == "program runc"
    stamps = (tmp_path / "var/lib/staithe/stamps").read_text().splitlines()
    assert len(stamps) == 2
    assert all(len(line.split()) == 6 for line in stamps)
    assert run(shell, script, data, tmp_path).returncode == 0, "placing again mends what is there"
    assert len((tmp_path / "var/lib/staithe/stamps").read_text().splitlines()) == 2
