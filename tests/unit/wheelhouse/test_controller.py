"""`staithe bundle controller` where it must refuse, with real pip and an index of its own: a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from staithe.errors import DownloadFailed, UsageError, WheelMissing
from staithe.wheelhouse import wheelhouse
from staithe.wheelhouse.pinned import Interpreter
from tests.rpm_site import sha256

CLI = str(Path(sys.executable).with_name("staithe"))
X86 = Interpreter("3.12", "x86_64")


def wheel(folder: Path, name: str, tag: str = "py3-none-any") -> Path:
    """Make a small wheel, as real as pip wants it to be fetched."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{name}/__init__.py", f"# {tag}")
        packed.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        packed.writestr(f"{name}-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        packed.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip's configuration names; what is asked for is what is in it."""
    folder = tmp_path / "index"
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    plain, binary = wheel(folder, "plain"), wheel(folder, "binary", "cp312-cp312-manylinux_2_28_x86_64")
    text = f"binary==1.0 --hash=sha256:{sha256(binary)}\nplain==1.0 --hash=sha256:{sha256(plain)}\n"
    monkeypatch.setattr(wheelhouse, "lock_text", lambda: text)
    return folder


def make(interpreters: Sequence[Interpreter], out: Path) -> list[str]:
    return sorted(wheelhouse.make(interpreters, out, lambda text: None).files)


def test_the_folder_has_sums_of_everything(index: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = make([X86], out)
    assert names[:2] == ["binary-1.0-cp312-cp312-manylinux_2_28_x86_64.whl", "plain-1.0-py3-none-any.whl"]
    assert [name.split("-")[0] for name in names[2:]] == ["requirements.txt", "staithe"]
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, "SHA256SUMS"])
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, check=False).returncode == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    make([X86], out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_all_that_lack_a_wheel_are_told_at_once_and_nothing_is_written(index: Path, tmp_path: Path) -> None:
    wheel(index, "plain").unlink()
    with pytest.raises(WheelMissing) as caught:
        make([X86, Interpreter("3.13", "x86_64"), Interpreter("3.12", "aarch64")], tmp_path / "out")
    assert caught.value.missing == (
        "Python 3.12 on x86_64: plain 1.0",
        "Python 3.13 on x86_64: binary 1.0, plain 1.0",
        "Python 3.12 on aarch64: binary 1.0, plain 1.0",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index"]


def test_a_wheel_that_was_changed_is_refused_and_the_former_folder_stays(index: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make([X86], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with zipfile.ZipFile(index / "plain-1.0-py3-none-any.whl", "a") as packed:
        packed.writestr("plain/evil.py", "")
    with pytest.raises(DownloadFailed, match="did not fetch the wheels for Python 3"):
        make([X86], out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_each_file_is_compared_once_more(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when pip, or whoever stands in for it, did not."""

    def fetch_another(_pinned: object, _interpreter: object, folder: Path) -> list[str]:
        wheel(folder, "plain", "py2-none-any")
        return []

    monkeypatch.setattr(wheelhouse, "fetch", fetch_another)
    with pytest.raises(DownloadFailed, match="not the wheel that is pinned"):
        make([X86], tmp_path / "out")


def test_what_is_in_the_way_stays(index: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter").write_text("dear")
    with pytest.raises(UsageError, match="in the way"):
        make([X86], out)
    assert (out / "letter").read_text() == "dear"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--python", "3.10"], "expected 3.11 or newer"),
        (["--python", "python3"], "found python3"),
        (["--arch", "riscv64"], "expected x86_64 or aarch64"),
    ],
)
def test_wrong_words(words: list[str], told: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [CLI, "bundle", "controller", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
