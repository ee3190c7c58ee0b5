"""What the engine on a host says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from staithe.host.session import Session

_ERRORS = ("failed", "error", "fatal", "unable", "panic")
# An engine that was stopped in order says much, and all of it lies behind.
_CHATTER = ("level=info", "level=warning", "level=debug")
# What systemd says of a unit names it, or its description.
_SYSTEMD = (
    "docker.service",
    "docker.socket",
    "containerd.service",
    "Docker Application Container Engine",
    "containerd container runtime",
)


def engine_words(here: Session) -> str:
    """Return the engine's own last lines, errors first."""
    result = here.run(
        "journalctl -u docker.service -u containerd.service -n 60 --no-pager -o cat || :",
        "the engine's log",
        check=False,
    )
    return " | ".join(telling(result.stdout.decode("utf-8", "replace").splitlines()))


def telling(lines: Sequence[str]) -> list[str]:
    """Return the last two errors, and the last three lines: one that dies or hangs need not call it an error.

    Where systemd has the last word, the last one of the program itself comes first.
    """
    grave = [line for line in lines if not any(word in line for word in _CHATTER)]
    told = [*[line for line in grave[:-3] if any(word in line for word in _ERRORS)][-2:], *grave[-3:]]
    own = [line for line in grave if not any(word in line for word in _SYSTEMD)]
    return [*(line for line in own[-1:] if line not in told), *told] or list(lines[-3:])
