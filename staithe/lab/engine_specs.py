"""Texts of RPM spec files with real programs: Docker's packages, and a distribution's own build of the engine.

Pure. Names, epochs, requirements, files and scriptlets are those of docker-ce-packaging and docker/packaging; the
programs are the ones that the lab's engine archives hold. Macros: %programs is a folder with the programs, %units one
with the units and config.toml, the rest are versions.

An upgrade restarts what runs as systemd's own macros do it: on EL 7 and 8 each package restarts its unit when the old
one goes; from 9 on units are marked, and restarted together when the transaction ends. (There a file trigger of
systemd's package does that; the lab's systemd is no package, so these do it in %posttrans.)
"""

from __future__ import annotations

from staithe.lab.rpm_specs import HEAD

# docker-ce, its command line and what makes it run without root. %engine is the version. docker-init is where the
# daemon finds it: in the search path, and from 28 on in a folder of programs that nobody calls by hand.
ENGINE_SPEC = (
    HEAD
    + """%define line %(echo %{engine} | cut -d. -f1)
%if %{line} >= 28
%define init_dir /usr/libexec/docker
%else
%define init_dir /usr/bin
%endif
Name: docker-ce
Epoch: 3
Version: %{engine}
Release: 1%{?dist}
Summary: The open-source application container engine
URL: https://www.docker.com
Vendor: Docker
Requires: /usr/sbin/groupadd, docker-ce-cli, container-selinux >= 2:2.74, systemd, iptables, tar, xz
%if 0%{?rhel} < 9
Requires: libcgroup
%endif
%if %{line} >= 28
Requires: containerd.io >= 1.7.24
%else
Requires: libseccomp >= 2.3, containerd.io >= 1.4.1
%endif
%if %{line} >= 23
Recommends: docker-ce-rootless-extras
%else
Requires: docker-ce-rootless-extras
%endif
Conflicts: docker, docker-io, docker-engine-cs, docker-ee
Obsoletes: docker-ce-selinux, docker-engine-selinux, docker-engine
%description
The engine, packed for the lab.

%package -n docker-ce-cli
AutoReqProv: no
Epoch: 1
Summary: The open-source application container engine's client
Requires: /bin/sh, /usr/sbin/groupadd
%if %{line} >= 23
Recommends: docker-buildx-plugin, docker-compose-plugin
%endif
Conflicts: docker, docker-io, docker-engine-cs, docker-ee
%description -n docker-ce-cli
The client, packed for the lab.

%package -n docker-ce-rootless-extras
AutoReqProv: no
Epoch: 0
Summary: Rootless support
%if %{line} >= 23
Requires: docker-ce
%endif
Requires: slirp4netns >= 0.4, fuse-overlayfs >= 0.7
%description -n docker-ce-rootless-extras
Nothing but a note, for the lab.

%install
mkdir -p %{buildroot}/usr/bin %{buildroot}%{init_dir} %{buildroot}/usr/lib/systemd/system
mkdir -p %{buildroot}/usr/share/docker-ce-rootless-extras
echo none > %{buildroot}/usr/share/docker-ce-rootless-extras/README
for name in dockerd docker-proxy docker; do
    cp -l %{programs}/$name %{buildroot}/usr/bin/$name || cp %{programs}/$name %{buildroot}/usr/bin/$name
done
cp %{programs}/docker-init %{buildroot}%{init_dir}/docker-init
cp %{units}/docker.service %{units}/docker.socket %{buildroot}/usr/lib/systemd/system/

%files
/usr/bin/dockerd
/usr/bin/docker-proxy
%{init_dir}/docker-init
/usr/lib/systemd/system/docker.service
/usr/lib/systemd/system/docker.socket

%files -n docker-ce-cli
/usr/bin/docker

%files -n docker-ce-rootless-extras
/usr/share/docker-ce-rootless-extras

%post
if [ $1 -eq 1 ]; then systemctl --no-reload preset docker.service >/dev/null 2>&1 || :; fi
if ! getent group docker >/dev/null; then groupadd --system docker; fi

%preun
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now docker.service docker.socket >/dev/null 2>&1 || :; fi

%postun
systemctl daemon-reload >/dev/null 2>&1 || :
%if 0%{?rhel} < 9
if [ $1 -ge 1 ]; then systemctl try-restart docker.service >/dev/null 2>&1 || :; fi
%else
if [ $1 -ge 1 ]; then systemctl set-property docker.service Markers=+needs-restart >/dev/null 2>&1 || :; fi

%posttrans
systemctl daemon-reload >/dev/null 2>&1 || :
systemctl reload-or-restart --marked >/dev/null 2>&1 || :
%endif
"""
)

# %containerd is the version.
CONTAINERD_SPEC = (
    HEAD
    + """Name: containerd.io
Version: %{containerd}
Release: 3.1%{?dist}
Summary: An industry-standard container runtime
URL: https://containerd.io
Vendor: Docker
Requires: container-selinux >= 2:2.74, libseccomp
Provides: containerd, runc
Obsoletes: containerd, runc
Conflicts: containerd, runc
%description
containerd and runc, packed for the lab.

%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/lib/systemd/system %{buildroot}/etc/containerd
for name in containerd containerd-shim-runc-v2 ctr runc; do
    cp -l %{programs}/$name %{buildroot}/usr/bin/$name || cp %{programs}/$name %{buildroot}/usr/bin/$name
done
cp %{units}/containerd.service %{buildroot}/usr/lib/systemd/system/
cp %{units}/config.toml %{buildroot}/etc/containerd/config.toml

%files
/usr/bin/containerd
/usr/bin/containerd-shim-runc-v2
/usr/bin/ctr
/usr/bin/runc
%config(noreplace) /etc/containerd/config.toml
/usr/lib/systemd/system/containerd.service

%post
if [ $1 -eq 1 ]; then systemctl --no-reload preset containerd.service >/dev/null 2>&1 || :; fi

%preun
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now containerd.service >/dev/null 2>&1 || :; fi

%postun
systemctl daemon-reload >/dev/null 2>&1 || :
%if 0%{?rhel} < 9
if [ $1 -ge 1 ]; then systemctl try-restart containerd.service >/dev/null 2>&1 || :; fi
%else
if [ $1 -ge 1 ]; then systemctl set-property containerd.service Markers=+needs-restart >/dev/null 2>&1 || :; fi

%posttrans
systemctl daemon-reload >/dev/null 2>&1 || :
systemctl reload-or-restart --marked >/dev/null 2>&1 || :
%endif
"""
)

# A plugin of the command line: %plugin is its program's name, %plugin_version its version.
PLUGIN_SPEC = (
    HEAD
    + """Name: %{plugin}-plugin
Version: %{plugin_version}
Release: 1%{?dist}
Summary: %{plugin} for the command line
URL: https://www.docker.com
Vendor: Docker
Enhances: docker-ce-cli
%description
A plugin of the command line, packed for the lab.

%install
mkdir -p %{buildroot}/usr/libexec/docker/cli-plugins
cp %{programs}/%{plugin} %{buildroot}/usr/libexec/docker/cli-plugins/

%files
/usr/libexec/docker/cli-plugins/%{plugin}
"""
)

# What distributions call the same programs; %engine, %containerd and %runc are versions. `docker` is all in one.
DISTRIBUTION_SPEC = (
    HEAD
    + """Name: moby-engine
Version: %{engine}
Release: 1%{?dist}
Summary: The engine as the distribution builds it
Vendor: The distribution
Requires: systemd, iptables, containerd, runc, /usr/sbin/groupadd
Recommends: docker-cli
Conflicts: docker, docker-ce, docker-ce-cli
%description
The distribution's own engine.

%package -n docker-cli
AutoReqProv: no
Summary: The client as the distribution builds it
Conflicts: docker-ce-cli
%description -n docker-cli
The distribution's own client.

%package -n docker
AutoReqProv: no
Summary: Engine and client in one package of the distribution
Requires: systemd, iptables, containerd, runc, /usr/sbin/groupadd
Conflicts: moby-engine, docker-cli
%description -n docker
The distribution's own engine and client.

%package -n containerd
AutoReqProv: no
Version: %{containerd}
Summary: containerd as the distribution builds it
Requires: runc
%description -n containerd
The distribution's own containerd.

%package -n runc
AutoReqProv: no
Version: %{runc}
Epoch: 4
Summary: runc as the distribution builds it
%description -n runc
The distribution's own runc.

%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/lib/systemd/system
for name in dockerd docker-proxy docker-init docker containerd containerd-shim-runc-v2 ctr runc; do
    cp -l %{programs}/$name %{buildroot}/usr/bin/$name || cp %{programs}/$name %{buildroot}/usr/bin/$name
done
cp %{units}/*.service %{units}/*.socket %{buildroot}/usr/lib/systemd/system/

%files
/usr/bin/dockerd
/usr/bin/docker-proxy
/usr/bin/docker-init
/usr/lib/systemd/system/docker.service
/usr/lib/systemd/system/docker.socket

%files -n docker-cli
/usr/bin/docker

%files -n docker
/usr/bin/dockerd
/usr/bin/docker-proxy
/usr/bin/docker-init
/usr/bin/docker
/usr/lib/systemd/system/docker.service
/usr/lib/systemd/system/docker.socket

%files -n containerd
/usr/bin/containerd
/usr/bin/containerd-shim-runc-v2
/usr/bin/ctr
/usr/lib/systemd/system/containerd.service

%files -n runc
/usr/bin/runc

%post
if ! getent group docker >/dev/null; then groupadd --system docker; fi

%preun
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now docker.service docker.socket >/dev/null 2>&1 || :; fi

%postun
systemctl daemon-reload >/dev/null 2>&1 || :

%post -n docker
if ! getent group docker >/dev/null; then groupadd --system docker; fi

%preun -n docker
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now docker.service docker.socket >/dev/null 2>&1 || :; fi

%postun -n docker
systemctl daemon-reload >/dev/null 2>&1 || :

%preun -n containerd
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now containerd.service >/dev/null 2>&1 || :; fi

%postun -n containerd
systemctl daemon-reload >/dev/null 2>&1 || :
"""
)
