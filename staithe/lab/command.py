"""Running the machine's tools."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import lock


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    hint: str | None = None,
    check: bool = True,
) -> str:
    """Run a tool to its end and return its standard output; LabError with its last words when it fails."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            env=env,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=lock.descriptors(),
        )
    except FileNotFoundError:
        raise LabError(f"{words[0]} is not installed", hint="staithe lab setup") from None
    if check and done.returncode != 0:
        last = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-8:])
        raise LabError(f"{' '.join(words[:4])} exited with {done.returncode}: {last}", hint=hint)
    return done.stdout


def contained(argv: Sequence[str | Path]) -> list[str | Path]:
    """Return `argv` wrapped so that it and all its children end with this process, however that ends.

    A process namespace of its own does it: the kernel kills everything in it when its first process goes.
    """
    guard = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"]
    return [*guard, "--mount-proc", "--", *argv]
