"""The wheel of staithe itself: built from the checkout that runs, or packed again from what is installed."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from staithe.errors import ProjectError
from staithe.wheelhouse.fetching import pip_command

# Written when it was installed; they are no part of the wheel.
_OF_THE_INSTALLER = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"})
_TIME = (2020, 2, 2, 0, 0, 0)


def make(folder: Path) -> Path:
    """Put the wheel into a folder: the same bytes for the same staithe. Raises ProjectError."""
    try:
        found = distribution("staithe")
    except PackageNotFoundError as error:
        raise ProjectError("staithe is not installed, so there is no wheel of it", hint="make setup") from error
    source = _checkout(found)
    return _pack(found, folder) if source is None else _build(source, folder)


def _checkout(found: Distribution) -> Path | None:
    """Return the folder that an editable installation runs from."""
    text = found.read_text("direct_url.json")
    told = json.loads(text) if text else {}
    if not told.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(told["url"]).path))


def _build(source: Path, folder: Path) -> Path:
    if find_spec("hatchling") is not None:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    else:
        command = [*pip_command(), "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, errors="replace", check=False)
    made = list(folder.glob("staithe-*.whl"))
    if done.returncode != 0 or len(made) != 1:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise ProjectError(
            "staithe's own wheel cannot be built", where=str(source), found=words[-1] if words else None
        )
    return made[0]


def _pack(found: Distribution, folder: Path) -> Path:
    contents: dict[str, bytes] = {}
    for entry in found.files or ():
        name = entry.as_posix()
        inside = not name.startswith(("../", "/")) and "__pycache__" not in entry.parts
        if not inside or (".dist-info" in entry.parts[0] and entry.name in _OF_THE_INSTALLER):
            continue
        contents[name] = Path(str(entry.locate())).read_bytes()
        if entry.hash is not None and _digest(contents[name]) != f"{entry.hash.mode}={entry.hash.value}":
            raise ProjectError(
                "a file of staithe was changed after it was installed",
                where=str(entry.locate()),
                hint=f"pip install --force-reinstall staithe=={found.version}",
            )
    info = next((name.partition("/")[0] for name in contents if name.endswith(".dist-info/WHEEL")), None)
    if info is None:
        raise ProjectError("staithe was not installed from a wheel", where=str(found.locate_file("")))
    record = f"{info}/RECORD"
    contents[record] = _record(contents, record)
    path = folder / f"{info.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        # RECORD last, as the format asks for.
        for name in sorted(contents, key=lambda one: (one == record, ".dist-info/" in one, one)):
            member = zipfile.ZipInfo(name, _TIME)
            member.external_attr = 0o100644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(member, contents[name])
    return path


def _record(contents: Mapping[str, bytes], record: str) -> bytes:
    lines = [f"{name},{_digest(content)},{len(content)}\n" for name, content in sorted(contents.items())]
    return "".join([*lines, f"{record},,\n"]).encode()


def _digest(content: bytes) -> str:
    return f"sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')}"
