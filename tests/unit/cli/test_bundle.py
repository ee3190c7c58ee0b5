"""`staithe bundle` as a person types it."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from staithe.programs import PROGRAMS

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00"


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in PROGRAMS:
            info = tarfile.TarInfo(f"docker/{name}")
            info.size, info.mode = 2_000_000, 0o755
            tar.addfile(info, io.BytesIO(ELF + os.urandom(info.size - len(ELF))))
    path = tmp_path / "docker-28.5.2.tgz"
    path.write_bytes(gzip.compress(stream.getvalue(), compresslevel=1))
    return path


def staithe(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from staithe.cli.app import main; main()", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_build_and_show(engine: Path, tmp_path: Path) -> None:
    built = staithe("bundle", "build", "--engine", engine, "--out", tmp_path / "out")
    assert (built.returncode, built.stderr) == (0, "")
    assert "engine 28.5.2" in built.stdout
    assert "15.3 MiB" in built.stdout
    shown = staithe("bundle", "show", tmp_path / "out", "--verify")
    assert shown.returncode == 0
    assert "every blob is what its name says" in shown.stdout
    data = json.loads(staithe("bundle", "show", tmp_path / "out", "--json").stdout)
    assert data["digest"] in shown.stdout
    assert [found["version"] for found in data["engines"]] == ["28.5.2"]
    assert data["total_bytes"] == engine.stat().st_size
    again = staithe("bundle", "build", "--engine", engine, "--out", tmp_path / "out")
    assert again.returncode == 5
    assert "--force" in again.stderr
    forced = staithe("bundle", "build", "--engine", engine, "--out", tmp_path / "out", "--force")
    assert forced.returncode == 0
    assert forced.stdout == built.stdout


def test_a_version_that_the_name_does_not_say(engine: Path, tmp_path: Path) -> None:
    renamed = engine.rename(tmp_path / "engine.tgz")
    refused = staithe("bundle", "build", "--engine", renamed, "--out", tmp_path / "out")
    assert refused.returncode == 5
    assert "--engine-version" in refused.stderr
    built = staithe("bundle", "build", "--engine", renamed, "--engine-version", "28.5.2", "--out", tmp_path / "out")
    assert "engine 28.5.2" in built.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is no bundle.toml"),
        (("--engine", "missing.tgz"), "no such file"),
        (("--image", "missing.tar"), "no such file"),
        (("--image", "x", "--engine-version", "1.2.3"), "exactly one --engine"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    refused = staithe("bundle", "build", "--out", tmp_path / "out", *arguments)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_damaged_bundle(engine: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    staithe("bundle", "build", "--engine", engine, "--out", out)
    blob = max((out / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[1000] ^= 1
    blob.write_bytes(bytes(content))
    assert staithe("bundle", "show", out).returncode == 0
    verified = staithe("bundle", "show", out, "--verify")
    assert verified.returncode == 5
    assert blob.name in verified.stderr


def test_memory_does_not_grow_with_the_archive(engine: Path, tmp_path: Path) -> None:
    peak = _peak_kib("bundle", "build", "--engine", str(engine), "--out", str(tmp_path / "out"))
    large = tmp_path / "docker-28.5.3.tgz"
    with tarfile.open(large, "w:gz", compresslevel=1) as tar:
        for name in PROGRAMS:
            info = tarfile.TarInfo(f"docker/{name}")
            info.size, info.mode = 8_000_000, 0o755
            tar.addfile(info, io.BytesIO(ELF + os.urandom(info.size - len(ELF))))
    assert large.stat().st_size > engine.stat().st_size + 40_000_000
    assert _peak_kib("bundle", "build", "--engine", str(large), "--out", str(tmp_path / "large")) < peak + 8_000


def _peak_kib(*arguments: str) -> int:
    # Not getrusage: that begins with what the parent had when it forked.
    script = (
        "import sys\nfrom staithe.cli.app import main\ntry: main()\nexcept SystemExit: pass\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stderr.split()[1])
