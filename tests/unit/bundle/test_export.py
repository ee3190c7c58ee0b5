"""Bundles on a journey: a tar, volumes and deltas, checked with tar, cat, cmp and sha256sum; and what differs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archives import build_bundle

PROGRAM = str(Path(sys.executable).with_name("staithe"))


def staithe(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def sh(folder: Path, script: str) -> str:
    return subprocess.run(["sh", "-ec", script], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two generations, new and old, and a bundle of 300 KiB that nothing makes smaller."""
    folder = tmp_path_factory.mktemp("made")
    build_bundle(folder / "old", "28.5.2")
    build_bundle(folder / "new", "28.5.2", "28.5.3")
    large = folder / "docker-28.5.4.tgz"
    sh(folder, f"mkdir -p x && tar -xzf old/docker-28.5.2.tgz -C x && tar -C x -cf - docker > {large.stem}.tar")
    program = folder / "x" / "docker" / "dockerd"
    program.write_bytes(program.read_bytes()[:64] + random.Random(1).randbytes(300_000))
    sh(folder, f"tar -C x -czf {large} docker")
    staithe(folder, "bundle", "build", "--engine", str(large), "--out", "large")
    return folder


def test_a_tar_holds_the_same_bytes_each_time(made: Path, tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        staithe(made, "bundle", "export", "new/bundle", "--out", str(tmp_path / name))
    sh(tmp_path, "cmp a.tar b.tar")
    sh(tmp_path, f"mkdir out && tar -xf a.tar -C out && diff -r out {made / 'new/bundle'}")
    assert {line.split()[1] for line in sh(tmp_path, "tar --numeric-owner -tvf a.tar").splitlines()} == {"0/0"}


def test_a_tar_is_taken_for_the_folder(made: Path, tmp_path: Path) -> None:
    staithe(made, "bundle", "export", "new/bundle", "--out", str(tmp_path / "b.tar"))
    shown = [
        json.loads(staithe(made, "bundle", "show", path, "--json")) for path in ("new/bundle", f"{tmp_path}/b.tar")
    ]
    assert shown[0] == shown[1]
    allowed = ("--allowed-signers", "new/allowed_signers")
    assert "signed by signer@example.com" in staithe(made, "bundle", "verify", f"{tmp_path}/b.tar", *allowed)
    staithe(made, "bundle", "export", f"{tmp_path}/b.tar", "--out", f"{tmp_path}/again")
    sh(tmp_path, f"diff -r again {made / 'new/bundle'}")


def test_volumes_are_checked_and_joined_without_staithe(made: Path, tmp_path: Path) -> None:
    staithe(made, "bundle", "export", "large", "--out", str(tmp_path / "whole.tar"))
    said = staithe(made, "bundle", "export", "large", "--out", str(tmp_path / "b.tar"), "--split", "64K")
    volumes = sorted(tmp_path.glob("b.tar.???"))
    assert len(volumes) > 4
    assert all(path.stat().st_size < 64 << 10 for path in volumes)
    (command,) = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("the receiver joins")]
    assert sh(tmp_path, command).count("OK") == len(volumes)
    sh(tmp_path, "cmp b.tar whole.tar")
    assert "cat b.tar.??? > b.tar" in staithe(tmp_path, "bundle", "show", "b.tar.000", code=5).replace(
        f"{tmp_path}/", ""
    )
    with volumes[1].open("r+b") as file:
        file.write(b"x")
    with pytest.raises(subprocess.CalledProcessError):
        sh(tmp_path, command)


def test_a_delta_leaves_out_what_is_there(made: Path, tmp_path: Path) -> None:
    said = staithe(made, "bundle", "export", "new/bundle", "--since", "old/bundle", "--out", f"{tmp_path}/d.tar")
    assert "left out: " in said
    names = set(sh(tmp_path, "tar -tf d.tar").split())
    old = {f"blobs/sha256/{path.name}" for path in (made / "old/bundle/blobs/sha256").iterdir()}
    new = {f"blobs/sha256/{path.name}" for path in (made / "new/bundle/blobs/sha256").iterdir()}
    assert names >= new - old
    assert len(names & old) < len(old & new)
    refused = staithe(made, "bundle", "show", f"{tmp_path}/d.tar", code=5)
    assert "a blob is missing; " in refused
    assert "--with OLD" in refused
    staithe(made, "bundle", "export", f"{tmp_path}/d.tar", "--with", "old/bundle", "--out", f"{tmp_path}/whole")
    sh(tmp_path, f"diff -r whole {made / 'new/bundle'}")


def test_a_delta_with_the_wrong_base(made: Path, tmp_path: Path) -> None:
    staithe(made, "bundle", "export", "new/bundle", "--since", "old/bundle", "--out", f"{tmp_path}/d.tar")
    refused = staithe(
        made, "bundle", "export", f"{tmp_path}/d.tar", "--with", "large", "--out", f"{tmp_path}/whole", code=5
    )
    assert "a blob is missing" in refused
    assert [path.name for path in tmp_path.iterdir()] == ["d.tar"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--out", "{there}/taken.tar"), 2, "not overwritten"),
        (("--out", "{there}/nowhere/b.tar"), 2, "no such folder"),
        (("--out", "{there}/b", "--split", "64K"), 2, "goes with a .tar"),
        (("--out", "{there}/b.tar", "--split", "1"), 2, "--split is no size"),
        (("--out", "{there}/b.tar", "--split", "-4G"), 2, "--split is no size"),
    ],
)
def test_wrong_usage_leaves_nothing(
    made: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "taken.tar").write_text("mine")
    given = [word.replace("{there}", str(tmp_path)) for word in arguments]
    assert words in staithe(made, "bundle", "export", "new/bundle", *given, code=code)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("taken.tar", "mine")]


def test_a_changed_blob_does_not_travel(made: Path, tmp_path: Path) -> None:
    sh(tmp_path, f"cp -r {made / 'new/bundle'} b")
    blob = max((tmp_path / "b/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(bytes(blob.stat().st_size))
    assert "a blob was changed" in staithe(tmp_path, "bundle", "export", "b", "--out", "b.tar", code=5)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_diff(made: Path) -> None:
    said = staithe(made, "bundle", "diff", "old/bundle", "new/bundle", code=3)
    assert "added" in said
    assert "engine 28.5.3" in said
    assert "removed" in staithe(made, "bundle", "diff", "new/bundle", "old/bundle", code=3)
    found = json.loads(
        staithe(made, "bundle", "diff", "old/bundle", "new/bundle", "--json", code=3).partition("\nerr")[0]
    )
    engine = made / "new" / "docker-28.5.3.tgz"
    assert [(one["kind"], one["what"]) for one in found["differences"]] == [("added", "engine 28.5.3")]
    assert found["transfer_bytes"] == engine.stat().st_size
    # Nothing differs between a bundle and its tar.
    same = staithe(made, "bundle", "diff", "new/bundle", "new/bundle")
    assert "both are the same" in same
