"""The wheel holds everything that a run needs, and puts nothing but staithe at the top of site-packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = ("deploy.py", "deploys", "operations", "templates")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".staithe", ".vagrant", "__pycache__", "*.egg-info", ".*_cache", "dist"
)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel of a copy, without a network, and return the names in it."""
    copy = tmp_path_factory.mktemp("wheel") / "staithe"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (copy / "dist").glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def _wanted(*folders: str) -> set[str]:
    """Return the files below `folders` that git would keep: no caches, no hidden files."""
    paths = [
        path
        for folder in folders
        for path in ((ROOT / folder).rglob("*") if (ROOT / folder).is_dir() else [ROOT / folder])
    ]
    return {
        path.relative_to(ROOT).as_posix()
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def test_every_file_of_the_package_is_in_it(names: set[str]) -> None:
    """Data files too: probe scripts, lab recipes."""
    wanted = {name for name in _wanted("staithe") if not name.startswith("staithe/_project/")}
    assert any(name.endswith(".sh") for name in wanted)
    assert wanted - names == set()


def test_the_runbooks_and_what_they_use_travel_inside(names: set[str]) -> None:
    wanted = {f"staithe/_project/{name}" for name in _wanted(*PROJECT)}
    for one in ("deploy.py", "operations/__init__.py", "templates/docker.service.j2"):
        assert f"staithe/_project/{one}" in wanted
    assert wanted - names == set()


def test_nothing_else_lands_at_the_top(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"staithe"}
    assert len(tops) == 2


def test_neither_tests_nor_caches_are_in_it(names: set[str]) -> None:
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name or name.endswith(".pyc")]


def test_the_command_is_declared(names: set[str]) -> None:
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)
    assert any("LICENSE" in name for name in names)
