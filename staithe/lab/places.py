"""Every folder and name the lab uses on this machine.

Two checkouts have two labs: the id comes from the project's path, and every name that the kernel knows
(bridge, link, control group, nft table) carries it. All begin with PREFIX, by which `prune` finds them.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from staithe.errors import LabError
from staithe.project import project_root

PREFIX = "stl-"
ENVIRONMENT = ("STAITHE_LAB_ID", "STAITHE_LAB_CACHE", "STAITHE_LAB_STATE", "STAITHE_LAB_RUN")

_ID = re.compile(r"[0-9a-f]{1,6}")
_HOST = re.compile(r"h([1-9][0-9]{0,2})")
MAX_HOSTS = 250


def cache_dir() -> Path:
    """Return the folder of what is built once per machine: bases, artifacts, package lists."""
    return Path(os.environ.get("STAITHE_LAB_CACHE", "/var/cache/staithe-lab"))


def state_dir() -> Path:
    """Return the folder that holds one folder per lab."""
    return Path(os.environ.get("STAITHE_LAB_STATE", "/var/lib/staithe-lab"))


def run_dir() -> Path:
    """Return the folder of locks and of what does not outlive a reboot of the machine."""
    return Path(os.environ.get("STAITHE_LAB_RUN", "/run/staithe-lab"))


def lab_id() -> str:
    """Return the id of this checkout's lab: at most six hexadecimal digits."""
    given = os.environ.get("STAITHE_LAB_ID")
    if given is None:
        return hashlib.sha256(str(project_root()).encode()).hexdigest()[:6]
    if not _ID.fullmatch(given):
        raise LabError(
            "STAITHE_LAB_ID is not a lab id",
            found=repr(given),
            expected="one to six of 0-9 a-f",
            hint="unset STAITHE_LAB_ID",
        )
    return given


def is_lab_id(text: str) -> bool:
    """Tell whether `text` can be a lab id (used on names found in the system)."""
    return _ID.fullmatch(text) is not None


def host_number(name: str) -> int:
    """Return N of the host name hN."""
    match = _HOST.fullmatch(name)
    if not match or int(match[1]) > MAX_HOSTS:
        raise LabError(f"{name!r} is not a lab host", expected=f"h1 to h{MAX_HOSTS}", hint="staithe lab status")
    return int(match[1])


def bridge_name(lab: str) -> str:
    """Return the name of the lab's bridge, nft table and top control group."""
    return f"{PREFIX}{lab}"


def link_name(lab: str, host: str) -> str:
    """Return the machine's end of a host's link: 15 characters at most (IFNAMSIZ)."""
    return f"{PREFIX}{lab}{host}"


def marker(lab: str, member: str) -> str:
    """Return the word in the command line of each keeper process, by which it is known as the lab's."""
    return f"staithe-lab:{lab}:{member}"
