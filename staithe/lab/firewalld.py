"""firewalld of the distribution, as a tar to be unpacked on a lab host: real rules for what opens ports.

<cache>/firewalld/<digest>/firewalld.tar holds what the lab's base does not have.
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
    Package("bookworm", "firewalld", "1.3.3"),
    Package("bookworm", "python3-firewall", "1.3.3"),
    Package("bookworm", "python3-nftables", "1.0.6"),
    Package("bookworm", "python3-cap-ng", "0.8.3"),
    Package("bookworm", "python3-gi", "3.42.2"),
    Package("bookworm", "gir1.2-glib-2.0", "1.74.0"),
    Package("bookworm", "libgirepository-1.0-1", "1.74.0"),
)


def ensure(say: Callable[[str], None]) -> Path:
    """Fetch the packages unless they are there, and return the tar."""
    with lock.held(places.cache_dir() / "firewalld.lock"):
        home = places.cache_dir() / "firewalld" / hashlib.sha256(f"{_FORMAT} {_PACKAGES}".encode()).hexdigest()[:16]
        if not (home / "firewalld.tar").exists():
            work = places.cache_dir() / "tmp" / f"firewalld-{home.name}"
            shutil.rmtree(work, ignore_errors=True)
            (work / "root").mkdir(parents=True)
            for package in _PACKAGES:
                say(f"{package.name} {package.version}")
                deb = Suite.open(package.suite).fetch(package.name, package.version)
                run(["dpkg-deb", "--extract", deb, work / "root"])
            run(["tar", "-C", work / "root", "--owner=0", "--group=0", "-cf", work / "firewalld.tar", "."])
            shutil.rmtree(work / "root")
            home.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(home, ignore_errors=True)
            work.rename(home)
    return home / "firewalld.tar"
