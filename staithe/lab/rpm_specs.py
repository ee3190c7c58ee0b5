"""Texts of RPM spec files: stand-ins for EL's own packages.

Pure. A tag of EL's release is put behind each release by %dist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# What every package of the lab begins with: no work of rpm's own on the files, the same package each time.
HEAD = """%global debug_package %{nil}
%global __os_install_post %{nil}
%global _build_id_links none
%global source_date_epoch_from_changelog 0
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _buildhost lab.invalid
AutoReqProv: no
License: ASL 2.0
"""


@dataclass(frozen=True)
class Stub:
    """A package that holds nothing but one file: its name and what it stands for count."""

    name: str
    version: str
    requires: str = ""
    provides: str = ""
    epoch: int = 0
    arch: str = "noarch"
    obsoletes: str = ""


# What Docker's packages require, and a little of what that requires: enough for a closure from nothing.
EL_STUBS = (
    Stub("filesystem", "3.16-5", "setup", arch="x86_64"),
    Stub("setup", "2.13.7-10"),
    Stub("glibc", "2.34-125", "glibc-common = 2.34-125, filesystem", "libc.so.6()(64bit), ldconfig", arch="x86_64"),
    Stub("glibc-common", "2.34-125", "glibc = 2.34-125, bash", arch="x86_64"),
    Stub("bash", "5.1.8-9", "glibc, filesystem", "/bin/sh, /bin/bash, /usr/bin/sh, /usr/bin/bash", arch="x86_64"),
    Stub("systemd", "252-46", "systemd-libs = 252-46, bash", "/usr/bin/systemctl, syslog", arch="x86_64"),
    Stub("systemd-libs", "252-46", "glibc", "libsystemd.so.0()(64bit)", arch="x86_64"),
    Stub("shadow-utils", "4.9-12", "setup, glibc", "/usr/sbin/groupadd, /usr/sbin/useradd", 2, arch="x86_64"),
    Stub("iptables-nft", "1.8.10-11", "iptables-libs, glibc", "iptables = 1.8.10-11", arch="x86_64"),
    Stub("iptables-libs", "1.8.10-11", "glibc", arch="x86_64"),
    Stub("nftables", "1.0.9-3", "glibc", epoch=1, arch="x86_64"),
    Stub("tar", "1.34-7", "glibc", "/usr/bin/tar", 2, arch="x86_64"),
    Stub("xz", "5.2.5-8", "glibc", "/usr/bin/xz", arch="x86_64"),
    Stub("libseccomp", "2.5.2-2", "glibc", "libseccomp.so.2()(64bit)", arch="x86_64"),
    Stub("device-mapper-libs", "1.02.198-2", "glibc", epoch=9, arch="x86_64"),
    Stub("libcgroup", "0.41-19", "glibc", arch="x86_64"),
    Stub("slirp4netns", "1.3.2-1", "glibc", arch="x86_64"),
    Stub("fuse-overlayfs", "1.14-1", "glibc", arch="x86_64"),
    Stub("container-selinux", "2.232.1-1", "selinux-policy-targeted", epoch=4),
    Stub("selinux-policy-targeted", "38.1.45-3", "selinux-policy = 38.1.45-3"),
    Stub("selinux-policy", "38.1.45-3"),
)

# What EL runs containers with itself, and what stands in an engine's way.
DISTRIBUTION_STUBS = (
    Stub("podman", "5.2.2-9", "runc", "/usr/bin/podman", 4, arch="x86_64"),
    Stub("buildah", "1.37.5-1", "runc", "/usr/bin/buildah", 2, arch="x86_64"),
    Stub("podman-docker", "5.2.2-9", "podman", epoch=4),
)


def stubs_spec(stubs: Iterable[Stub]) -> str:
    """Return one spec that makes all stand-ins."""
    parts = [HEAD, "Name: lab-stand-ins\nVersion: 1\nRelease: 1\nSummary: stand-ins\n%description\nStand-ins.\n"]
    files = []
    for stub in stubs:
        version, _, release = stub.version.partition("-")
        parts.append(f"%package -n {stub.name}\nAutoReqProv: no\nSummary: {stub.name} (stand-in)\n")
        parts.append(f"Version: {version}\nRelease: {release}%{{?dist}}\n")
        parts.append(f"Epoch: {stub.epoch}\n" if stub.epoch else "Epoch: 0\n")
        for tag, value in (("Requires", stub.requires), ("Provides", stub.provides), ("Obsoletes", stub.obsoletes)):
            if value:
                # Releases that are named carry the tag of the release too.
                words = [f"{one}%{{?dist}}" if " = " in one else one for one in value.split(", ")]
                parts.append(f"{tag}: {', '.join(words)}\n")
        if stub.arch == "noarch":
            parts.append("BuildArch: noarch\n")
        parts.append(f"%description -n {stub.name}\nStand-in.\n")
        files.append(f"%files -n {stub.name}\n/usr/share/{stub.name}\n")
    names = " ".join(stub.name for stub in stubs)
    parts.append(
        f"%install\nfor name in {names}; do mkdir -p %{{buildroot}}/usr/share/$name; "
        f"echo stand-in > %{{buildroot}}/usr/share/$name/README; done\n"
    )
    return "".join([*parts, *files])
