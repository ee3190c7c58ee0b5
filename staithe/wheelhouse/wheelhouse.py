"""Makes the folder: wheels, requirements.txt with their hashes, SHA256SUMS. Whole or not at all."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from staithe.errors import DownloadFailed, UsageError, WheelMissing
from staithe.wheelhouse import own_wheel
from staithe.wheelhouse.fetching import fetch
from staithe.wheelhouse.pinned import Interpreter, Pinned, lock_text, read_pinned

SUMS = "SHA256SUMS"
REQUIREMENTS = "requirements.txt"


@dataclass(frozen=True)
class Wheelhouse:
    """A folder that was made."""

    folder: Path
    # Name -> sha256
    files: dict[str, str]
    size_bytes: int


def make(interpreters: Sequence[Interpreter], out: Path, say: Callable[[str], None]) -> Wheelhouse:
    """Fetch everything that staithe needs on each of the interpreters, check it, and write the folder.

    Raises UsageError for something else in the way, WheelMissing, DownloadFailed, ProjectError.
    """
    out = out.absolute()
    _check_place(out)
    text = lock_text()
    pinned = read_pinned(text)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as place:
            draft = Path(place) / "wheels"
            draft.mkdir()
            _fetch_all(pinned, interpreters, draft, say)
            files = {path.name: _checked(path, pinned) for path in sorted(draft.iterdir())}
            say("staithe itself")
            own = own_wheel.make(draft)
            files[own.name] = _sha256(own)
            version = parse_wheel_filename(own.name)[1]
            content = f"staithe=={version} --hash=sha256:{files[own.name]}\n{text}"
            (draft / REQUIREMENTS).write_text(content, encoding="utf-8")
            files[REQUIREMENTS] = _sha256(draft / REQUIREMENTS)
            files = dict(sorted(files.items()))
            sums = "".join(f"{digest}  {name}\n" for name, digest in files.items())
            (draft / SUMS).write_text(sums, encoding="ascii")
            size = sum(path.stat().st_size for path in draft.iterdir())
            if out.exists():
                out.rename(Path(place) / "former")
            draft.rename(out)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(error.filename or out)) from error
    return Wheelhouse(out, files, size)


def _check_place(out: Path) -> None:
    if out.is_dir() and (not any(out.iterdir()) or (out / SUMS).is_file()):
        return
    if out.exists() or out.is_symlink():
        raise UsageError(
            "there is something else than a folder of wheels in the way; it is not overwritten",
            where=str(out),
            hint="name another folder with --out",
        )


def _fetch_all(
    pinned: Sequence[Pinned], interpreters: Sequence[Interpreter], draft: Path, say: Callable[[str], None]
) -> None:
    missing = []
    for interpreter in interpreters:
        say(f"wheels for {interpreter}")
        lacking = fetch([one for one in pinned if one.is_for(interpreter)], interpreter, draft)
        if lacking:
            missing.append(f"{interpreter}: {', '.join(f'{one.name} {one.version}' for one in lacking)}")
    if missing:
        raise WheelMissing(
            missing, hint="staithe bundle controller --python 3.12   # a Python that all have wheels for"
        )


def _checked(path: Path, pinned: Sequence[Pinned]) -> str:
    """Return the digest of a wheel that is one of those that are pinned."""
    digest = _sha256(path)
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
    except InvalidWheelFilename:
        name, version = canonicalize_name(path.name), None
    known = [one for one in pinned if (one.name, one.version) == (name, str(version)) and digest in one.hashes]
    if not known:
        raise DownloadFailed("this is not the wheel that is pinned", where=path.name, found=f"sha256 {digest}")
    return digest


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
