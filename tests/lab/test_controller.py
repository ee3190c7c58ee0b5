"""staithe installed from its wheels where there is no network. Needs an index, as the lab needs an archive."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.lab.conftest import Staithe

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_NO_NETWORK = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]


@pytest.fixture(scope="module")
def wheels(program: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controller")
    told = Staithe(program, folder)("bundle", "controller", "--python", PYTHON, "--out", "wheels")
    assert "pip install --no-index --find-links wheels --require-hashes -r wheels/requirements.txt" in told.out
    return folder / "wheels"


def install(wheels: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Install as the printed line says, with the network cut off, into a venv of its own."""
    if not target.exists():
        subprocess.run([sys.executable, "-m", "venv", target], check=True)
    pip = [str(target / "bin/pip"), "install", "--disable-pip-version-check", "--no-index"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [*_NO_NETWORK, *pip, "--find-links", str(wheels), "--require-hashes", "-r", str(wheels / "requirements.txt")],
        env={**env, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist() if not name.endswith("/RECORD")}


def test_it_installs_without_a_network_and_runs(wheels: Path, tmp_path: Path) -> None:
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=wheels, check=True)
    venv = tmp_path / "venv"
    done = install(wheels, venv)
    assert done.returncode == 0, done.stderr
    # Nothing of this checkout or its venv may help.
    run = [*_NO_NETWORK, "env", "-i", f"HOME={tmp_path}", str(venv / "bin/staithe")]
    version = subprocess.run([*run, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert version == "staithe 0.1.0\n"
    assert (
        "Usage" in subprocess.run([*run, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    )
    subprocess.run([*run, "init", "site"], cwd=tmp_path, capture_output=True, check=True)
    checked = subprocess.run(
        [*run, "config", "check", "root@192.0.2.1"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr

    # An installation from a wheel packs itself again.
    again = tmp_path / "again"
    again.mkdir()
    pack = "import pathlib, sys; from staithe.wheelhouse import own_wheel; own_wheel.make(pathlib.Path(sys.argv[1]))"
    subprocess.run([*_NO_NETWORK, str(venv / "bin/python"), "-c", pack, str(again)], cwd=tmp_path, check=True)
    (packed,) = again.iterdir()
    (built,) = wheels.glob("staithe-*.whl")
    assert packed.name == built.name and contents(packed) == contents(built)
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", other], check=True)
    pip = [str(other / "bin/pip"), "install", "--no-index", "--no-deps", str(packed)]
    subprocess.run([*_NO_NETWORK, *pip], check=True, capture_output=True)


@pytest.mark.parametrize("harm", ["taken away", "changed"])
def test_without_one_wheel_it_does_not(wheels: Path, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for path in wheels.iterdir():
        os.link(path, folder / path.name)
    (victim,) = folder.glob("gevent-*.whl")
    content = victim.read_bytes()
    victim.unlink()
    if harm == "changed":
        victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = install(folder, tmp_path / "venv")
    assert done.returncode != 0
    assert (
        "gevent" in done.stderr and ("No matching distribution" if harm == "taken away" else "sha256") in done.stderr
    )
