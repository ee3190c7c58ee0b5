"""What hosts see of the machine's kernel: a modules folder for modprobe, and the one setting 30 hosts outgrow."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from staithe.lab import lock, places
from staithe.lab.command import contained, run

_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_PER_HOST = 12  # about 4 for systemd, as many again for an engine
_MODULES = (
    "kernel/net/bridge/br_netfilter kernel/net/bridge/bridge kernel/fs/overlayfs/overlay "
    "kernel/net/ipv4/netfilter/ip_tables kernel/net/ipv4/netfilter/iptable_nat "
    "kernel/net/ipv4/netfilter/iptable_filter kernel/net/ipv6/netfilter/ip6_tables "
    "kernel/net/netfilter/nf_conntrack kernel/net/netfilter/nf_nat kernel/net/netfilter/nf_tables "
    "kernel/net/netfilter/xt_conntrack kernel/net/netfilter/xt_MASQUERADE kernel/net/netfilter/xt_addrtype "
    "kernel/drivers/net/veth kernel/drivers/net/tun kernel/drivers/net/vxlan kernel/fs/xfs/xfs "
    "kernel/drivers/block/loop"
)


def builtin_modules() -> list[str]:
    """Return the modules that a host's modprobe shall find built in.

    Where the machine's kernel has modules, only those that it has built in or loaded: a host may not load any.
    """
    folder = Path("/lib/modules", os.uname().release)
    wanted = [f"{name}.ko" for name in _MODULES.split()]
    if not (folder / "modules.builtin").is_file():
        return wanted
    there = set((folder / "modules.builtin").read_text().split())
    loaded = {line.split()[0] for line in Path("/proc/modules").read_text().splitlines()}
    return [name for name in wanted if name in there or Path(name).stem in loaded]


def modules_layer(base_root: Path) -> Path:
    """Return the layer that holds /lib/modules for the running kernel, made once."""
    release, names = os.uname().release, builtin_modules()
    digest = hashlib.sha256("\0".join([release, *names]).encode()).hexdigest()[:16]
    target = places.cache_dir() / "kernel" / digest
    with lock.held(places.cache_dir() / "kernel.lock"):
        if not target.exists():
            work = places.cache_dir() / "tmp" / f"kernel-{digest}"
            shutil.rmtree(work, ignore_errors=True)
            folder = work / "usr/lib/modules" / release
            folder.mkdir(parents=True)
            (work / "lib").symlink_to("usr/lib")
            for name, lines in (("builtin", names), ("order", []), ("builtin.modinfo", [])):
                (folder / f"modules.{name}").write_text("".join(f"{line}\n" for line in lines))
            script = 'mount --bind "$2" "$1/mnt" && chroot "$1" depmod -b /mnt "$3"'
            run(contained(["sh", "-c", script, "sh", base_root, work, release]))
            (work / "lib").unlink()
            target.parent.mkdir(parents=True, exist_ok=True)
            work.rename(target)
    return target


def raise_inotify_limit(hosts: int) -> None:
    """Raise fs.inotify.max_user_instances so that so many hosts fit; the caller holds the machine's lock."""
    needed = 64 + _INOTIFY_PER_HOST * hosts
    now = int(_INOTIFY.read_text())
    if now < needed:
        former = places.run_dir() / "inotify.former"
        if not former.exists():
            former.write_text(f"{now}\n")
        _INOTIFY.write_text(f"{needed}\n")


def put_back_inotify_limit() -> None:
    """Put the limit back when no lab runs any more; under the machine's lock."""
    former = places.run_dir() / "inotify.former"
    if former.exists():
        _INOTIFY.write_text(former.read_text())
        former.unlink()
