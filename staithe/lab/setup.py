"""`staithe lab setup`: from a fresh Debian to a lab that starts at once. Each step is skipped when it is done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import artifacts, base, kernel
from staithe.lab.command import run
from staithe.lab.progress import step

# {tool: Debian package}
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "unshare": "util-linux",
    "mount": "mount",
}
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def missing_packages(tools: Mapping[str, str] = TOOLS) -> list[str]:
    """Return the packages whose tools this machine lacks."""
    return sorted({package for tool, package in tools.items() if shutil.which(tool, path=_PATH) is None})


def require_packages() -> None:
    """Raise LabError when a tool is missing: only setup installs, and says so."""
    packages = missing_packages()
    if packages:
        raise LabError(f"this machine lacks {', '.join(packages)}", hint="staithe lab setup")


def install_packages(tools: Mapping[str, str] = TOOLS) -> None:
    """Install what is missing with the machine's own apt, saying what."""
    packages = missing_packages(tools)
    if not packages:
        return
    if shutil.which("apt-get", path=_PATH) is None:
        raise LabError(
            f"this machine lacks {', '.join(packages)} and has no apt-get",
            expected="Debian 12 or 13",
            hint="vagrant up",
        )
    with step(f"installing {', '.join(packages)}") as say:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
            say("fetching package lists")
            run(["apt-get", "-q", "update"], env=env)
        install = ["apt-get", "-q", "-y", "--no-install-recommends", "install", *packages]
        run(install, env=env, hint="apt-get update, then staithe lab setup again")


def run_all() -> None:
    """Do all steps."""
    install_packages()
    if not base.exists():
        with step("base: a small userland with an EL look"):
            base.ensure()
    kernel.modules_layer(base.folder() / "root")
    with step("artifacts: engines, images, a registry") as say:
        artifacts.ensure(say)
