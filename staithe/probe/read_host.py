"""Reads the sections that say what the host is: system, kernel, storage, users, commands."""

from __future__ import annotations

import re
import shlex
from typing import Any

from staithe.host_layout import ENGINE_ROOT
from staithe.probe.answer import Section
from staithe.probe.request import ProbeRequest
from staithe.probe.script import storage_paths, sysctl_path
from staithe.probe.state import Cgroup, Group, HostState, KernelModule, OsRelease, Storage


def read_system(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read os-release, uname, the cgroup layout, SELinux and the boot id."""
    release, _, arch = section.value("uname").rpartition(" ")
    enforce = section.value("/sys/fs/selinux/enforce", "none")
    selinux = {"1": "enforcing", "0": "permissive"}.get(enforce, "disabled")
    os = _os_release(section.values("/etc/os-release"))
    return {
        "os": os,
        "kernel": state.kernel.model_copy(update={"release": release, "arch": arch}),
        "cgroup": _cgroup(section),
        "security": state.security.model_copy(update={"selinux": selinux, **_fapolicyd(section)}),
        "boot_id": section.value("/proc/sys/kernel/random/boot_id"),
        "odd": "" if os.id else "/etc/os-release has no ID",
    }


def _os_release(lines: list[str]) -> OsRelease:
    values = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or name.startswith("#"):
            continue
        try:
            values[name.strip()] = " ".join(shlex.split(value))
        except ValueError:  # an open quote: as it stands
            values[name.strip()] = value.strip("\"'")
    version = values.get("VERSION_ID", "")
    major = re.match(r"[0-9]{1,4}", version)
    return OsRelease(
        id=values.get("ID", ""),
        id_like=tuple(values.get("ID_LIKE", "").split()),
        version_id=version,
        pretty_name=values.get("PRETTY_NAME", ""),
        major=int(major.group()) if major else 0,
    )


def _fapolicyd(section: Section) -> dict[str, Any]:
    if not section.value("fapolicyd"):
        return {"fapolicyd": "inactive", "fapolicyd_trusts": False}
    lines = [text for path, text in section.lines if path.startswith("/etc/fapolicyd/")]
    permissive = any(re.fullmatch(r"permissive\s*=\s*1\s*", text) for text in lines)
    trusts = any(ENGINE_ROOT in text and not text.startswith("#") for text in lines)
    return {"fapolicyd": "permissive" if permissive else "enforcing", "fapolicyd_trusts": trusts}


def _cgroup(section: Section) -> Cgroup:
    if section.value("unified"):
        return Cgroup(version=2, controllers=tuple(section.value("/sys/fs/cgroup/cgroup.controllers").split()))
    controllers = []
    for line in section.values("/proc/cgroups"):
        if not line.startswith("#"):
            name, hierarchy, _count, enabled = line.split()
            # Hierarchy 0: known to the kernel, mounted nowhere on v1.
            if enabled == "1" and hierarchy != "0":
                controllers.append(name)
    return Cgroup(version=1, controllers=tuple(controllers))


def read_kernel(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read which modules are loaded or loadable, and the sysctl values."""
    loaded, loadable = set(section.values("loaded")), set(section.values("loadable"))
    modules = {
        name: KernelModule(loaded=name in loaded, loadable=name in loaded or name in loadable)
        for name in request.modules
    }
    sysctl: dict[str, str | None] = {}
    for key in request.sysctl:
        lines = section.values(sysctl_path(key))
        sysctl[key] = "\n".join(lines) if lines else None
    update = {"modules": {**state.kernel.modules, **modules}, "sysctl": {**state.kernel.sysctl, **sysctl}}
    return {"kernel": state.kernel.model_copy(update=update)}


def read_storage(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read what df and xfs_info say of the folders' file systems."""
    d_type = {}
    for value in section.values("ftype"):
        flag, _, mount = value.partition("\t")
        d_type[mount] = flag == "1"
    rows = []
    for value in section.values("df"):
        numbers, _, mount = value.partition("\t")
        fstype, total, free = numbers.split(" ")
        if total.isdigit():  # not so in the title row
            rows.append((fstype, int(total) * 1024, max(int(free), 0) * 1024, mount))
    paths = storage_paths(request.data_root)
    if len(rows) != len(paths):
        raise ValueError(f"df answered {len(rows)} rows for {len(paths)} folders")
    return {
        "storage": {
            path: Storage(path=path, fstype=fstype, total_bytes=total, free_bytes=free, d_type=d_type.get(mount))
            for path, (fstype, total, free, mount) in zip(paths, rows, strict=True)
        }
    }


def read_users(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read the docker group, and which of the users asked for exist."""
    answered = section.texts()  # by getent: a line of the group, "user NAME" for each user
    line = next((text for text in (*section.values("/etc/group"), *answered) if text.startswith("docker:")), "")
    group = Group()
    if line:
        _name, _password, gid, members = line.split(":")
        group = Group(exists=True, gid=int(gid), members=tuple(filter(None, members.split(","))))
    local = section.values("/etc/passwd")
    return {
        "docker_group": group,
        "users": tuple(name for name in request.users if f"{name}:" in local or f"user {name}" in answered),
    }


def read_commands(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read which commands are missing."""
    return {"missing_commands": tuple(section.values("missing"))}
