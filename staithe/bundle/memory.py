"""What this machine remembers of bundles: which were applied, and which were hashed.

Two small JSON files. What cannot be read or written is not remembered: then a bundle is hashed again, and the hosts'
own records are left to refuse an older one.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from staithe.bundle.contents import Bundle
from staithe.bundle.verify import verify
from staithe.errors import OlderBundle

APPLIED_FILE = "applied-bundles.json"
HASHED_FILE = "hashed-bundles.json"
_KEPT = 50
# Goes up when `verify` learns to look at more: what was verified before is verified again.
_CHECKS = 2
# Clocks of file systems tick every few milliseconds: a file that was changed within one tick looks unchanged.
_SETTLED_S = 2.0


def refuse_older(bundle: Bundle, folder: Path) -> None:
    """Raise OlderBundle when a bundle of this name with a higher serial was applied from here."""
    if bundle.serial is None or not bundle.name:
        return
    highest = _read(folder / APPLIED_FILE).get(bundle.name, {})
    serial = highest.get("serial") if isinstance(highest, dict) else None
    if isinstance(serial, int) and bundle.serial < serial:
        raise OlderBundle(
            f"the bundle {bundle.name} is older than one that was applied from here",
            where=str(bundle.root),
            found=f"lock serial {bundle.serial}",
            expected=f"{serial} or higher (run {highest.get('run', 'unknown')})",
            hint="--allow-older   # when going back is what you want",
        )


def note_applied(bundle: Bundle, run_id: str, folder: Path) -> None:
    """Remember the serial of a bundle that a host was brought to; the highest stays."""
    if bundle.serial is None or not bundle.name:
        return
    with _changing(folder / APPLIED_FILE) as known:
        entry = known.get(bundle.name)
        if not isinstance(entry, dict) or not entry.get("serial", -1) >= bundle.serial:
            known[bundle.name] = {"serial": bundle.serial, "digest": bundle.digest, "run": run_id}


def verify_once(bundle: Bundle, folder: Path) -> None:
    """Verify all that a bundle holds, unless no file has changed since this machine did; raises BundleError."""
    assert bundle.files is not None
    began = time.time()
    with _changing(folder / HASHED_FILE) as known:
        key = str(bundle.root)
        files = bundle.files.stamp()
        stamp = f"{_CHECKS} {bundle.digest} {files}"
        if known.get(key) == stamp:
            return
        known.pop(key, None)
        verify(bundle)
        if bundle.files.stamp() == files and bundle.files.newest() < began - _SETTLED_S:
            known[key] = stamp
            for old in list(known)[:-_KEPT]:
                del known[old]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, Any]]:
    """Give what the file holds to be changed; the runners of one run take turns."""
    lock = None
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        known = _read(path)
        before = json.dumps(known)
        yield known
        if json.dumps(known) != before:
            with suppress(OSError):
                beside = path.with_suffix(".new")
                beside.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
                beside.replace(path)
    finally:
        if lock is not None:
            os.close(lock)
