"""Whether the running engine takes a new daemon.json by reload, or needs a restart. Pure."""

from __future__ import annotations

import json
from typing import Any, Literal

# moby daemon/reload.go and reload_unix.go (HEAD, 2026-08); the documented keys and the ones only the code shows.
RELOADABLE = frozenset(
    {
        "debug",
        "labels",
        "live-restore",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "default-runtime",
        "runtimes",
        "authorization-plugins",
        "insecure-registries",
        "registry-mirrors",
        "shutdown-timeout",
        "features",
    }
)
# On reload the engine brings the default back of these when the key is gone; of all others it keeps the old value
# (seen with labels on 28.5.2: moby daemon/reload.go looks only at keys that are set), so only a restart helps.
_RESET_WHEN_REMOVED = frozenset({"max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts"})

# The one feature that a reload switches; the others are read at the start only (features.containerd-snapshotter
# seen on 28.5.2: a reload takes the key and changes nothing).
_RELOADABLE_FEATURES = frozenset({"buildkit"})
# With these the engine looks for images and containers somewhere else.
_STORE_KEYS = frozenset({"data-root", "storage-driver"})
_STORE_FEATURE = "containerd-snapshotter"

Step = Literal["nothing", "reload", "restart"]


def changed_keys(running: str | None, wanted: str) -> tuple[str, ...]:
    """Return the top-level keys that differ between two texts of daemon.json, sorted."""
    before, after = _read(running), _read(wanted)
    return tuple(sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key)))


def step(running: str | None, wanted: str) -> Step:
    """Decide how the running engine comes from one text to the other."""
    keys = changed_keys(running, wanted)
    if not keys:
        return "nothing"
    removed = set(_read(running)) - set(_read(wanted))
    if any(key not in RELOADABLE for key in keys) or removed - _RESET_WHEN_REMOVED:
        return "restart"
    return "reload" if _changed_features(running, wanted) <= _RELOADABLE_FEATURES else "restart"


def moves_store(running: str | None, wanted: str) -> bool:
    """Tell whether images and containers made so far stay behind where the engine no longer looks."""
    keys = set(changed_keys(running, wanted))
    return bool(keys & _STORE_KEYS) or _STORE_FEATURE in _changed_features(running, wanted)


def _changed_features(running: str | None, wanted: str) -> set[str]:
    before, after = _read(running).get("features"), _read(wanted).get("features")
    before = before if isinstance(before, dict) else {}
    after = after if isinstance(after, dict) else {}
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _read(text: str | None) -> dict[str, Any]:
    """Read a daemon.json; what is no JSON object counts as empty, because no engine can run with it."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
