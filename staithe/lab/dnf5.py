"""dnf 5 of the distribution, as a tar to be unpacked on a lab host: what EL 11 and Fedora have for dnf and yum.

<cache>/dnf5/<digest>/dnf5.tar. It needs a newer C library than the base has, so it comes with all of its libraries
below /opt/dnf5 and is started by their own loader; scriptlets see nothing of that. rpm stays the base's.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from staithe.lab import lock, places
from staithe.lab.apt import Suite
from staithe.lab.command import run

VERSION = "5.4.6.0"
_FORMAT = "1"
_PREFIX = "opt/dnf5"
# Of what apt would install for it, these run in the process; gpg is the base's.
_KINDS = ("lib", "zlib1g", "dnf5", "rpm-common")
# Copied under this name, the loader gives the process the name that it has elsewhere. rpm's own configuration would
# lead to the base's plugins, which are for another librpm.
_PROGRAM = f"""#!/bin/sh
export RPM_CONFIGDIR=/{_PREFIX}/usr/lib/rpm
exec /{_PREFIX}/dnf5 --inhibit-cache --library-path "$(echo /{_PREFIX}/usr/lib/*-linux-gnu)" \
  --argv0 dnf5 /{_PREFIX}/usr/bin/dnf5 "$@"
"""
# Where the program looks for the parts of itself, and for its configuration.
_LINKED = ("libdnf5", "dnf5")
_COPIED = ("etc/dnf/libdnf5-plugins", "etc/dnf/dnf5-aliases.d", "usr/share/dnf5")
# It copies all that is installed, and only this distribution switches it on.
_LEFT_OUT = ("etc/dnf/libdnf5-plugins/local.conf",)


def ensure(say: Callable[[str], None]) -> Path:
    """Fetch dnf 5 and what it needs unless they are there, and return the tar."""
    with lock.held(places.cache_dir() / "dnf5.lock"):
        pins = f"{_FORMAT} {VERSION} {_KINDS} {_PROGRAM} {_LINKED} {_COPIED} {_LEFT_OUT}"
        digest = hashlib.sha256(pins.encode()).hexdigest()
        home = places.cache_dir() / "dnf5" / digest[:16]
        if not (home / "dnf5.tar").exists():
            work = places.cache_dir() / "tmp" / f"dnf5-{home.name}"
            shutil.rmtree(work, ignore_errors=True)
            (work / "debs").mkdir(parents=True)
            say(f"dnf5 {VERSION}, with its libraries")
            _make(work)
            home.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(home, ignore_errors=True)
            work.rename(home)
    return home / "dnf5.tar"


def _make(work: Path) -> None:
    root, prefix = work / "root", work / "root" / _PREFIX
    prefix.mkdir(parents=True)
    for deb in Suite.open("sid").fetch_with_needs("dnf5", VERSION, _KINDS, work / "debs"):
        run(["dpkg-deb", "--extract", deb, prefix])
    shutil.rmtree(work / "debs")
    for name in _COPIED:
        shutil.copytree(prefix / name, root / name)
    for name in _LEFT_OUT:
        (root / name).unlink()
    for name in ("doc", "man", "locale", "lintian"):
        shutil.rmtree(prefix / "usr/share" / name, ignore_errors=True)
    (libraries,) = (prefix / "usr/lib").glob("*-linux-gnu")
    loader = next(path for path in libraries.glob("ld-linux*.so.*"))
    shutil.copy2(loader, prefix / "dnf5")
    for name in _LINKED:
        link = root / libraries.relative_to(prefix) / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("/" / (libraries / name).relative_to(root))
    macros = prefix / "usr/lib/rpm/macros"
    macros.write_text(macros.read_text().replace("/rpm-plugins", "/no-rpm-plugins"))
    program = root / "usr/bin/dnf5"
    program.parent.mkdir(parents=True)
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    for name in ("dnf", "yum"):
        program.with_name(name).symlink_to("dnf5")
    run(["tar", "-C", root, "--owner=0", "--group=0", "--no-overwrite-dir", "-cf", work / "dnf5.tar", "."])
    shutil.rmtree(root)
