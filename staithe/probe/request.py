"""What a probe is asked to look at."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ProbeRequest(BaseModel):
    """The names a probe looks up. All of them are data for the script, never a part of its code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_root: str = "/var/lib/docker"
    modules: tuple[str, ...] = ()
    sysctl: tuple[str, ...] = ()
    # Absolute paths of managed files.
    files: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    # Hash every placed binary again, even when size, inode, mtime and ctime are as recorded.
    deep: bool = False
    # Look at what may be in a package manager's way: excludes, locks, mounts.
    packaging: bool = False
    # What is looked at again; empty means everything. Names: script.SECTIONS. "files" brings the record along,
    # "docker" brings "units".
    sections: tuple[str, ...] = ()
