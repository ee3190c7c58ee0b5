"""skopeo of the distribution, extracted and not installed: what reads images when tests do not believe staithe.

<cache>/skopeo/<digest>/skopeo is a script that runs it with its own libraries and without a policy of the machine.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from staithe.lab import lock, places
from staithe.lab.apt import Suite
from staithe.lab.artifacts import Package
from staithe.lab.command import run

_FORMAT = "1"
_PACKAGES = (
    Package("bookworm", "skopeo", "1.9.3"),
    Package("bookworm", "libgpgme11", "1.18.0"),
    Package("bookworm", "libassuan0", "2.5.5"),
    Package("bookworm", "libgpg-error0", "1.46"),
    Package("bookworm", "libdevmapper1.02.1", "1.02.185"),
)
_SCRIPT = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
for folder in "$here"/root/usr/lib/*-linux-gnu "$here"/root/lib/*-linux-gnu; do
  LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
done
export LD_LIBRARY_PATH
exec "$here/root/usr/bin/skopeo" --insecure-policy "$@"
"""


def folder() -> Path:
    """Return where these versions are, or will be."""
    text = f"{_FORMAT} {_PACKAGES} {_SCRIPT}"
    return places.cache_dir() / "skopeo" / hashlib.sha256(text.encode()).hexdigest()[:16]


def ensure(say: Callable[[str], None]) -> Path:
    """Fetch skopeo unless it is there, and return the program."""
    with lock.held(places.cache_dir() / "skopeo.lock"):
        home = folder()
        if not (home / "complete").exists():
            work = places.cache_dir() / "tmp" / f"skopeo-{home.name}"
            shutil.rmtree(work, ignore_errors=True)
            (work / "root").mkdir(parents=True)
            for package in _PACKAGES:
                say(f"{package.name} {package.version}")
                deb = Suite.open(package.suite).fetch(package.name, package.version)
                run(["dpkg-deb", "--extract", deb, work / "root"])
            (work / "skopeo").write_text(_SCRIPT)
            (work / "skopeo").chmod(0o755)
            (work / "complete").touch()
            home.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(home, ignore_errors=True)
            work.rename(home)
    return home / "skopeo"
