"""The lab needs root: the command starts itself again through sudo when it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from staithe.errors import LabError
from staithe.lab import places

_PROGRAM = "from staithe.cli.app import main; main()"


def become_root(argv: Sequence[str]) -> None:
    """Return when root; else replace this process by `sudo -n` with the same command line (argv without program)."""
    if os.geteuid() == 0:
        return
    try:
        allowed = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        raise LabError("the lab needs root, or sudo without a password", hint="sudo -v, or run this as root")
    kept = [
        f"{name}={os.environ[name]}"
        for name in (*places.ENVIRONMENT, "TERM", "STAITHE_VERBOSE")
        if name in os.environ
    ]
    os.execvp("sudo", ["sudo", "-n", "env", *kept, sys.executable, "-c", _PROGRAM, *argv])  # noqa: S606
