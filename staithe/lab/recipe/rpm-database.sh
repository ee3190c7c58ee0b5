#!/bin/sh
# Tell rpm about the base: header-only packages with EL's names for what the Debian userland holds, so that
# `rpm -q bash` answers and `Requires: systemd, iptables` resolve. Runs in the chroot before el-look.sh
# (it needs dpkg-query). Leaves one rpm database per EL major: /var/lib/rpm (9), /opt/.layers/elN/var/lib/rpm.
set -eu
work=/tmp/rpm-database
rm -rf "$work"
mkdir -p "$work"

el_name() {
    case $1 in
    libc6) echo glibc ;;
    libc-bin) echo glibc-common ;;
    libseccomp2) echo libseccomp ;;
    libdevmapper1.02.1) echo device-mapper-libs ;;
    dmsetup) echo device-mapper ;;
    libsystemd0) echo systemd-libs ;;
    xz-utils) echo xz ;;
    iproute2) echo iproute ;;
    procps) echo procps-ng ;;
    openssh-client) echo openssh-clients ;;
    passwd) echo shadow-utils ;;
    iputils-ping) echo iputils ;;
    gnupg) echo gnupg2 ;;
    createrepo-c) echo createrepo_c ;;
    selinux-utils) echo libselinux-utils ;;
    libselinux1) echo libselinux ;;
    iptables) echo iptables-nft ;;
    debianutils) echo which ;;
    zlib1g) echo zlib ;;
    libssl3) echo openssl-libs ;;
    libcap2) echo libcap ;;
    libnftables1) echo nftables-libs ;;
    *) echo "$1" ;;
    esac
}

el_provides() {
    case $1 in
    bash) echo "/bin/sh, /bin/bash, /usr/bin/sh, /usr/bin/bash" ;;
    iptables) echo "iptables = 1.8.9" ;;
    systemd) echo "/bin/systemctl, /usr/bin/systemctl" ;;
    passwd) echo "/usr/sbin/useradd, /usr/sbin/groupadd, /usr/sbin/usermod" ;;
    dnf) echo "yum = 4.14.0" ;;
    dnf-plugins-core)
        echo "yum-utils = 4.3.1, dnf-command(config-manager), dnf-command(download), dnf-command(versionlock)"
        ;;
    python3) echo "/usr/bin/python3, /usr/libexec/platform-python" ;;
    coreutils) echo "/usr/bin/env" ;;
    libc-bin) echo "/sbin/ldconfig, /usr/sbin/ldconfig" ;;
    libcap2) echo "libcap2" ;;
    esac
}

# release MAJOR NAME VERSION RELEASE
release() {
    cat <<EOF
Name: $2
Version: $3
Release: $4
Summary: Release files of EL $1
License: GPLv2
BuildArch: noarch
AutoReqProv: no
Provides: centos-release = $3-$4, redhat-release = $3-$4, system-release = $3-$4
Provides: system-release(releasever) = $1, base-module(platform:el$1)
EOF
    printf '%%description\nRelease files.\n'
}

build() {
    rpmbuild -bb --quiet --define "_topdir $work/$1" --define '_binary_payload w1.gzdio' "$work/$1.spec" \
        > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
}

{
    release 9 centos-stream-release 9.0 26.el9 | sed '/^BuildArch/d'
    printf '%%files\n'
    dpkg-query -W -f '${Package} ${Version}\n' | sort -u -k1,1 | while read -r package version; do
        case $package in
        cgroup-tools | libcgroup2 | apt | dpkg | base-files | debian-archive-keyring) continue ;;
        esac
        version=$(echo "$version" | sed 's/^[0-9]*://; s/-[^-]*$//; s/[^A-Za-z0-9._]/_/g')
        name=$(el_name "$package")
        provides=$(el_provides "$package")
        printf '%%package -n %s\nVersion: %s\nRelease: 1.el9\nSummary: %s (base)\n' "$name" "$version" "$name"
        [ -z "$provides" ] || echo "Provides: $provides"
        printf '%%description -n %s\nPart of the base.\n%%files -n %s\n' "$name" "$name"
    done
} > "$work/base.spec"
build base

rm -rf /var/lib/rpm
mkdir -p /var/lib/rpm
rpm --dbpath /var/lib/rpm --force-debian -i --justdb --nodeps --nosignature "$work"/base/RPMS/*/*.rpm

# layer MAJOR NAME VERSION RELEASE: the same database with another release package
layer() {
    { release "$@"; printf '%%files\n'; } > "$work/el$1.spec"
    build "el$1"
    db=/opt/.layers/el$1/var/lib/rpm
    mkdir -p "$db"
    cp -a /var/lib/rpm/. "$db/"
    rpm --dbpath "$db" --force-debian -e --justdb --nodeps centos-stream-release
    rpm --dbpath "$db" --force-debian -i --justdb --nodeps --nosignature "$work/el$1"/RPMS/*/*.rpm
    rm -f "$db/.rpm.lock"
}
layer 7 centos-release 7 9.2009.1.el7.centos
layer 8 centos-linux-release 8.5 1.2111.el8
layer 10 centos-stream-release 10.0 6.el10
rm -rf "$work" /var/lib/rpm/.rpm.lock /root/.rpmdb /root/rpmbuild
