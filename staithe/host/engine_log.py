"""What the engine on a host says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from staithe.host.session import Session

_ERRORS = ("failed", "error", "fatal", "unable", "panic")
# An engine that was stopped in order says much, and all of it lies behind.
_CHATTER = ("level=info", "level=warning", "level=debug")


def engine_words(here: Session) -> str:
    """Return the engine's own last lines, errors first."""
    result = here.run(
        "journalctl -u docker.service -u containerd.service -n 60 --no-pager -o cat || :",
        "the engine's log",
        check=False,
    )
    return " | ".join(telling(result.stdout.decode("utf-8", "replace").splitlines()))


def telling(lines: Sequence[str]) -> list[str]:
    """Return the last two errors, and the last three lines: one that dies or hangs need not call it an error."""
    grave = [line for line in lines if not any(word in line for word in _CHATTER)]
    errors = [line for line in grave[:-3] if any(word in line for word in _ERRORS)]
    return [*errors[-2:], *grave[-3:]] or list(lines[-3:])
