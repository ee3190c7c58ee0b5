"""What the engine on a host says of itself."""

from __future__ import annotations

from staithe.host.session import Session


def engine_words(here: Session) -> str:
    """Return the engine's own last lines, errors first."""
    result = here.run(
        "journalctl -u docker.service -u containerd.service -n 40 --no-pager -o cat || :",
        "the engine's log",
        check=False,
    )
    lines = result.stdout.decode("utf-8", "replace").splitlines()
    lines = [line for line in lines if "level=info" not in line]
    telling = [line for line in lines if any(word in line for word in ("failed", "error", "fatal", "unable"))]
    return " | ".join((telling or lines)[-3:])
