"""Texts of RPM spec files: Docker's packages by their names, layout and scriptlets, and stand-ins for EL's own.

Pure. Names, epochs, requirements and files are those of docker-ce-packaging; the programs are the ones that the lab's
engine archives hold. A tag of EL's release is put behind each release by %dist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_HEAD = """%global debug_package %{nil}
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
    Stub("container-selinux", "2.232.1-1", "selinux-policy-targeted", epoch=4),
    Stub("selinux-policy-targeted", "38.1.45-3", "selinux-policy = 38.1.45-3"),
    Stub("selinux-policy", "38.1.45-3"),
)


def stubs_spec(stubs: Iterable[Stub]) -> str:
    """Return one spec that makes all stand-ins."""
    parts = [_HEAD, "Name: lab-stand-ins\nVersion: 1\nRelease: 1\nSummary: stand-ins\n%description\nStand-ins.\n"]
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


# docker-ce, docker-ce-cli, containerd.io. Macros: %engine and %containerd are versions, %programs a folder with the
# programs, %units one with the units and config.toml.
ENGINE_SPEC = (
    _HEAD
    + """Name: docker-ce
Epoch: 3
Version: %{engine}
Release: 1%{?dist}
Summary: The open-source application container engine
URL: https://www.docker.com
Vendor: Docker
Requires: /usr/sbin/groupadd, docker-ce-cli, container-selinux >= 2:2.74, systemd, iptables, tar, xz
Requires: containerd.io >= 1.4.1
%if 0%{?rhel} < 9
Requires: libcgroup
%endif
Recommends: docker-ce-rootless-extras
%description
The engine, packed for the lab.

%package -n docker-ce-cli
AutoReqProv: no
Epoch: 1
Summary: The open-source application container engine's client
Requires: /bin/sh, /usr/sbin/groupadd
Recommends: docker-buildx-plugin, docker-compose-plugin
%description -n docker-ce-cli
The client, packed for the lab.

%package -n containerd.io
AutoReqProv: no
Epoch: 0
Version: %{containerd}
Release: 3.1%{?dist}
Summary: An industry-standard container runtime
Requires: container-selinux >= 2:2.74, libseccomp
Provides: containerd, runc
Obsoletes: containerd
Conflicts: containerd, runc
%description -n containerd.io
containerd and runc, packed for the lab.

%package -n docker-ce-rootless-extras
AutoReqProv: no
Epoch: 0
Summary: Rootless support
Requires: docker-ce
%description -n docker-ce-rootless-extras
Nothing but a note, for the lab.

%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/lib/systemd/system %{buildroot}/etc/containerd
mkdir -p %{buildroot}/usr/share/docker-ce-rootless-extras
echo none > %{buildroot}/usr/share/docker-ce-rootless-extras/README
for name in dockerd docker-proxy docker-init docker containerd containerd-shim-runc-v2 ctr runc; do
    cp -l %{programs}/$name %{buildroot}/usr/bin/$name || cp %{programs}/$name %{buildroot}/usr/bin/$name
done
cp %{units}/*.service %{units}/*.socket %{buildroot}/usr/lib/systemd/system/
cp %{units}/config.toml %{buildroot}/etc/containerd/config.toml

%files
/usr/bin/dockerd
/usr/bin/docker-proxy
/usr/bin/docker-init
/usr/lib/systemd/system/docker.service
/usr/lib/systemd/system/docker.socket

%files -n docker-ce-cli
/usr/bin/docker

%files -n containerd.io
/usr/bin/containerd
/usr/bin/containerd-shim-runc-v2
/usr/bin/ctr
/usr/bin/runc
%config(noreplace) /etc/containerd/config.toml
/usr/lib/systemd/system/containerd.service

%files -n docker-ce-rootless-extras
/usr/share/docker-ce-rootless-extras

%post
if [ $1 -eq 1 ]; then systemctl preset docker.service >/dev/null 2>&1 || :; fi
if ! getent group docker >/dev/null; then groupadd --system docker; fi

%preun
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now docker.service docker.socket >/dev/null 2>&1 || :; fi

%postun
systemctl daemon-reload >/dev/null 2>&1 || :
if [ $1 -ge 1 ]; then systemctl try-restart docker.service >/dev/null 2>&1 || :; fi

%post -n containerd.io
if [ $1 -eq 1 ]; then systemctl preset containerd.service >/dev/null 2>&1 || :; fi

%preun -n containerd.io
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now containerd.service >/dev/null 2>&1 || :; fi

%postun -n containerd.io
systemctl daemon-reload >/dev/null 2>&1 || :
if [ $1 -ge 1 ]; then systemctl try-restart containerd.service >/dev/null 2>&1 || :; fi
"""
)

DOCKER_SERVICE = """[Unit]
Description=Docker Application Container Engine
Documentation=https://docs.docker.com
After=network-online.target docker.socket firewalld.service containerd.service time-set.target
Wants=network-online.target containerd.service
Requires=docker.socket
StartLimitBurst=3
StartLimitIntervalSec=60

[Service]
Type=notify
ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock
ExecReload=/bin/kill -s HUP $MAINPID
TimeoutStartSec=0
RestartSec=2
Restart=always
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
Delegate=yes
KillMode=process
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
"""
DOCKER_SOCKET = """[Unit]
Description=Docker Socket for the API

[Socket]
ListenStream=/run/docker.sock
SocketMode=0660
SocketUser=root
SocketGroup=docker

[Install]
WantedBy=sockets.target
"""
CONTAINERD_SERVICE = """[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target dbus.service

[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/bin/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
"""
CONTAINERD_CONFIG = 'disabled_plugins = ["cri"]\n'
UNITS = {
    "docker.service": DOCKER_SERVICE,
    "docker.socket": DOCKER_SOCKET,
    "containerd.service": CONTAINERD_SERVICE,
    "config.toml": CONTAINERD_CONFIG,
}
