"""What a host must be to carry an engine: system, kernel, storage, commands, users."""

from __future__ import annotations

from staithe.config import Config
from staithe.desired import Desired
from staithe.engine import room
from staithe.host_layout import STATE_DIR
from staithe.preflight.finding import Found
from staithe.probe.state import HostState
from staithe.support_matrix import (
    ARCHITECTURES,
    EL_FAMILY,
    OLDEST_ENGINE_CGROUP_V2,
    OLDEST_KERNEL,
    OLDEST_KERNEL_CGROUP_V2,
    RELEASES,
    version_tuple,
)

_MIB = 1 << 20
# containers, their logs and one image: less than this is a host that fails on its first day.
_DATA_ROOT_FREE_BYTES = 512 * _MIB


def operating_system(state: HostState, config: Config, desired: Desired) -> Found:
    """The host is not a supported Enterprise Linux: CentOS, RHEL or a clone, major 7, 8, 9 or 10.

    staithe looks at ID, ID_LIKE and VERSION_ID in /etc/os-release. There is no switch to go on all the same.
    """
    family = {state.os.id, *state.os.id_like} & EL_FAMILY
    if not family or state.os.major not in RELEASES:
        majors = ", ".join(str(major) for major in sorted(RELEASES))
        name = state.os.pretty_name or state.os.id or "no /etc/os-release"
        yield "the operating system is not supported", name, f"CentOS / Enterprise Linux {majors}", None


def architecture(state: HostState, config: Config, desired: Desired) -> Found:
    """The processor architecture is not one that Docker's engine is built for here: x86_64 or aarch64."""
    if state.kernel.arch not in ARCHITECTURES:
        yield "the architecture is not supported", state.kernel.arch or "unknown", "x86_64 or aarch64", None


def kernel_version(state: HostState, config: Config, desired: Desired) -> Found:
    """The kernel is older than 3.10, the oldest that the engine runs on."""
    if version_tuple(state.kernel.release) < OLDEST_KERNEL:
        yield "the kernel is too old", state.kernel.release or "unknown", "3.10 or newer", "yum update kernel"


def cgroup_version(state: HostState, config: Config, desired: Desired) -> Found:
    """The host has cgroup v2, and its kernel or the engine is too old for that (kernel 4.15, engine 20.10)."""
    if state.cgroup.version != 2:
        return
    if version_tuple(state.kernel.release) < OLDEST_KERNEL_CGROUP_V2:
        yield "the kernel is too old for cgroup v2", state.kernel.release, "4.15 or newer", None
    version = desired.engine.version
    if version is not None and version_tuple(version) < OLDEST_ENGINE_CGROUP_V2:
        yield "the engine is too old for cgroup v2", version, "20.10 or newer", None


def cgroup_controllers(state: HostState, config: Config, desired: Desired) -> Found:
    """A cgroup controller that containers need is missing: cpu, cpuset, memory, pids or devices (v1)."""
    needed = {"cpu", "cpuset", "memory", "pids"} | ({"devices"} if state.cgroup.version == 1 else set())
    missing = sorted(needed - set(state.cgroup.controllers))
    if missing:
        found = ", ".join(state.cgroup.controllers) or "none"
        yield f"cgroup controllers are missing: {', '.join(missing)}", found, ", ".join(sorted(needed)), None


def kernel_modules(state: HostState, config: Config, desired: Desired) -> Found:
    """A kernel module that is described is neither loaded nor loadable.

    `modprobe -n` on the host says whether it can be loaded. On EL10 the xt_ modules are in kernel-modules-extra; the
    package must fit the running kernel.
    """
    for name in config.kernel.modules:
        module = state.kernel.modules.get(name)
        if module is not None and not module.loaded and not module.loadable:
            yield (
                f"kernel module {name} cannot be loaded",
                "not found by modprobe",
                "loaded, built in or loadable",
                "dnf install kernel-modules-extra-$(uname -r)",
            )


def data_root_filesystem(state: HostState, config: Config, desired: Desired) -> Found:
    """The file system of the engine's data folder cannot carry overlay2.

    xfs must have been made with ftype=1 (`xfs_info` shows it; it can only be made anew); network file systems and
    overlay itself do not work.
    """
    root = config.daemon.data_root or "/var/lib/docker"
    storage = state.storage.get(root)
    if storage is None:
        return
    if storage.fstype == "xfs" and storage.d_type is False:
        yield f"xfs under {root} has ftype=0", "ftype=0", "ftype=1 (mkfs.xfs -n ftype=1)", f"xfs_info {root}"
    if storage.fstype in {"overlay", "nfs", "nfs4", "cifs", "vfat", "squashfs"}:
        yield f"{root} is on {storage.fstype}", storage.fstype, "xfs or ext4", None


def free_space(state: HostState, config: Config, desired: Desired) -> Found:
    """A file system has too little room for the engine's programs, for its data, or for a blob on its way."""
    image_bytes = sum(blob.size_bytes for image in desired.images for blob in image.blobs)
    is_there, programs_bytes, arriving_bytes = room(desired.engine, state)
    needs = {
        config.daemon.data_root or "/var/lib/docker": _DATA_ROOT_FREE_BYTES + 2 * image_bytes,
        "/usr": programs_bytes,
        STATE_DIR: arriving_bytes + image_bytes,
    }
    if is_there:
        # The programs and the images are there already; only what grows with use needs room.
        needs = {config.daemon.data_root or "/var/lib/docker": 64 * _MIB}
    for path, needed in needs.items():
        storage = state.storage.get(path)
        if storage is not None and storage.free_bytes < needed:
            found = f"{storage.free_bytes // _MIB} MiB free"
            yield f"too little room for {path}", found, f"{needed // _MIB + 1} MiB free", f"df -h {path}"


def commands(state: HostState, config: Config, desired: Desired) -> Found:
    """A command that staithe or the engine needs on the host is missing (tar, iptables, modprobe, ...)."""
    for name in state.missing_commands:
        hint = "dnf install iptables-nft" if name == "iptables" else f"dnf provides '*/bin/{name}'"
        yield f"the command {name} is missing", "not on root's PATH", name, hint


def users(state: HostState, config: Config, desired: Desired) -> Found:
    """A user that is to be a member of the docker group does not exist on the host."""
    for user in config.users.docker_group:
        if user not in state.users:
            yield f"the user {user} does not exist", "no such user", "an existing user", f"useradd {user}"


def selinux_policy(state: HostState, config: Config, desired: Desired) -> Found:
    """SELinux is enforcing and the package container-selinux is missing.

    Without its rules the engine runs unconfined or containers cannot read their files. SELinux stays on.
    """
    if state.security.selinux == "enforcing" and "container-selinux" not in state.packages:
        yield (
            "SELinux is enforcing without container-selinux",
            "not installed",
            "container-selinux",
            "dnf install container-selinux",
        )


def whole_probe(state: HostState, config: Config, desired: Desired) -> Found:
    """The host answered a part of the probe with something that cannot be read, or not in time.

    What staithe does not know of a host it does not change. Try again when the host is quieter; if it stays so, run
    the command that the text names on the host. An engine that hangs is no such case: it is restarted.
    """
    for section, text in sorted(state.odd.items()):
        # rpm has a check of its own.
        if section not in ("docker", "packages"):
            hint = "staithe preflight INVENTORY   # again, when the host is quieter"
            yield f"the probe could not read {section}", text, "an answer that can be read", hint
