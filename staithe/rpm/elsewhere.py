"""Where the wheels of libsolv and createrepo_c run, and what to type on other machines."""

from __future__ import annotations

import os
import platform
import sys

from staithe import __version__
from staithe.shell import join, quote, word

GLIBC = (2, 28)
_ARCHS = ("x86_64", "aarch64")
NEEDED = "Linux with glibc 2.28 or newer, on x86_64 or aarch64"
# Debian's glibc, and a Python that all wheels exist for.
_IMAGE = "python:3.12-slim"


def this_machine() -> str:
    """Return what counts of this machine, such as "Linux x86_64, glibc 2.36"."""
    system = platform.system()
    if system != "Linux":
        return f"{'macOS' if system == 'Darwin' else system} {platform.machine()}"
    glibc = _glibc()
    libc = f"glibc {glibc[0]}.{glibc[1]}" if glibc else "another C library than glibc"
    return f"{system} {platform.machine()}, {libc}"


def runs_here() -> bool:
    """Tell whether there are wheels for this machine."""
    glibc = _glibc()
    return platform.system() == "Linux" and platform.machine() in _ARCHS and glibc is not None and glibc >= GLIBC


def what_to_type() -> str:
    """Return the command that helps: pip where the wheels run, else the command of the user in a container."""
    return "pip install 'staithe[bundle]'" if runs_here() else container_command(sys.argv[1:])


def container_command(arguments: list[str]) -> str:
    """Return a command that runs `staithe ARGUMENTS` on the present folder, in a container, as the same user."""
    inside = (
        f"pip install --quiet --user --no-warn-script-location {word(f'staithe[bundle]=={__version__}')} && "
        'exec "$HOME/.local/bin/staithe" "$@"'
    )
    typed = " ".join(word(one) if one else join([one]) for one in arguments)
    mount = '--mount "type=bind,source=$PWD,target=/work" --workdir /work'
    user = '--user "$(id -u):$(id -g)" --env HOME=/tmp'
    return f"docker run --rm {mount} {user} {_IMAGE} sh -c {quote(inside)} staithe {typed}"


def _glibc() -> tuple[int, int] | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        major, minor = version.split(".")[:2]
        return (int(major), int(minor)) if name == "glibc" else None
    except (ValueError, OSError, AttributeError):
        return None
