"""Fetches wheels with pip, which knows this machine's index, proxy, certificates and logins."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from staithe.errors import DownloadFailed, UsageError
from staithe.wheelhouse.pinned import Interpreter, Pinned

_PARALLEL = 4
_NO_WHEEL = "No matching distribution found"


def pip_command() -> list[str]:
    """Return pip: this Python's, else the one on PATH, for it fetches for any Python. Raises UsageError."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise UsageError(
            "wheels are fetched with pip, and there is none",
            hint=f"{sys.executable} -m ensurepip   # or: apt-get install python3-pip, dnf install python3-pip",
        )
    return [found]


def fetch(requirements: Sequence[Pinned], interpreter: Interpreter, folder: Path) -> list[Pinned]:
    """Fetch the wheels into a folder, and return the requirements that have none. Raises DownloadFailed."""
    said = _download(requirements, interpreter, folder)
    if said is None:
        return []
    # pip stops at the first; all of them are to be told.
    with ThreadPoolExecutor(_PARALLEL) as pool:
        alone = list(pool.map(lambda one: _download([one], interpreter, folder), requirements))
    for words in alone:
        if words is not None and _NO_WHEEL not in words:
            raise _failure(words, interpreter)
    missing = [one for one, words in zip(requirements, alone, strict=True) if words is not None]
    if not missing:
        raise _failure(said, interpreter)
    return missing


def _download(requirements: Sequence[Pinned], interpreter: Interpreter, folder: Path) -> str | None:
    """Return None when all came, else what pip said."""
    with tempfile.NamedTemporaryFile("w", prefix="staithe-", suffix=".txt", encoding="utf-8") as listed:
        listed.writelines(f"{one.line}\n" for one in requirements)
        listed.flush()
        platforms = [word for platform in interpreter.platforms for word in ("--platform", platform)]
        done = subprocess.run(
            [
                *pip_command(),
                *("download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"),
                *("--only-binary", ":all:", "--require-hashes", "--implementation", "cp"),
                *("--python-version", interpreter.version, *platforms),
                *("--dest", str(folder), "--requirement", listed.name),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
        )
    return None if done.returncode == 0 else done.stderr or done.stdout or f"exit code {done.returncode}"


def _failure(words: str, interpreter: Interpreter) -> DownloadFailed:
    lines = [line.strip() for line in words.splitlines() if "ERROR" in line] or words.strip().splitlines()
    return DownloadFailed(
        f"pip did not fetch the wheels for {interpreter}",
        found=lines[-1][:400] if lines else "nothing",
        hint="pip config list   # which index, proxy and certificates it takes; then run this again",
    )
