"""The base: one Debian userland with an EL look that all hosts share read-only.

It is built once per machine and recipe, under <cache>/base/<digest>/: `root` (EL 9), `layers/elN` (what makes
it another major) and `complete`, written last, so that a build ended in the middle is no base.
"""

from __future__ import annotations

import hashlib
import shutil
from importlib import resources
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import layers, lock, places
from staithe.lab.apt import Suite
from staithe.lab.command import contained, run

SUITE = "bookworm"
_FORMAT = "1"
_PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,sudo,rpm,dnf,dnf-plugins-core,python3,python3-dnf,iptables,"
    "nftables,iproute2,procps,kmod,less,ca-certificates,curl,wget,tar,gzip,xz-utils,bzip2,zstd,pigz,"
    "libdevmapper1.02.1,libseccomp2,libsystemd0,iputils-ping,net-tools,hostname,passwd,login,util-linux,"
    "e2fsprogs,xfsprogs,selinux-utils,gnupg,createrepo-c,file,diffutils,findutils"
)
_LEAN = (
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)


def recipe(name: str) -> str:
    """Return the text of a script that is shipped with the package."""
    return resources.files("staithe.lab").joinpath("recipe", name).read_text()


def digest() -> str:
    """Return the digest of everything that decides what the base becomes."""
    parts = [
        _FORMAT,
        SUITE,
        *_PACKAGES,
        *_LEAN,
        recipe("rpm-database.sh"),
        recipe("el-look.sh"),
        layers.fingerprint(),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def folder() -> Path:
    """Return where this recipe's base is, or will be."""
    return places.cache_dir() / "base" / digest()


def exists() -> bool:
    """Tell whether the base is built."""
    return (folder() / "complete").exists()


def lower_dirs(image: str) -> list[Path]:
    """Return the read-only folders of an image, topmost first."""
    if image not in layers.IMAGES:
        raise LabError(f"no image {image!r}", expected=", ".join(layers.IMAGES), hint="staithe lab up 1 --image el9")
    base = folder()
    return [base / "layers" / image, base / "root"]


def ensure() -> Path:
    """Build the base unless it is there (half a minute), and return its folder."""
    if exists():
        return folder()
    with lock.held(places.cache_dir() / "base.lock"):
        if not exists():
            _build(folder())
    return folder()


def _build(target: Path) -> None:
    work = places.cache_dir() / "tmp" / f"base-{target.name}"
    shutil.rmtree(work, ignore_errors=True)  # a build ended in the middle left it; nobody else has the lock
    root = work / "root"
    root.mkdir(parents=True)
    suite = Suite.open(SUITE)
    bootstrap: list[str | Path] = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", *_LEAN]
    bootstrap += [f"--include={_PACKAGES}", '--aptopt=Acquire::Languages "none"']
    bootstrap += [f"--aptopt={suite.settings}", SUITE, root, suite.sources]
    run(contained(bootstrap), env=_environment(work), hint="apt-get update  (does the archive answer?)")
    for script in ("rpm-database.sh", "el-look.sh"):
        run(contained(["chroot", root, "/bin/sh", "-c", recipe(script)]), env=_environment(Path("/tmp")))  # noqa: S108
    layers.write(root / "opt" / ".layers", work / "layers", root)
    (work / "complete").touch()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)


def _environment(temporary: Path) -> dict[str, str]:
    # The caller's environment must not colour what is cached for everybody.
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(temporary), "LC_ALL": "C.UTF-8", "HOME": "/root"}
