#!/bin/sh
# Make the Debian userland that this runs in (by chroot) look and answer like CentOS Stream 9.
# The other majors are layers on top (staithe/lab/layers.py). Runs once, while the base is built.
set -eu

# -- rpm and dnf as EL9 has them ------------------------------------------------------------------
mkdir -p /etc/rpm /etc/yum.repos.d /etc/pki/rpm-gpg /etc/sysconfig /etc/yum /etc/dnf/vars
cat > /etc/rpm/macros <<'EOF'
%_dbpath /var/lib/rpm
%dist .el9
%rhel 9
%_pkgverify_level digest
EOF
# Debian's rpm asks for --force-debian on everything that changes the database; popt adds it unseen.
for option in -U -i -F -e --upgrade --install --freshen --erase --reinstall; do
    echo "rpm alias $option --force-debian $option"
done > /etc/popt
cat > /etc/dnf/dnf.conf <<'EOF'
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
EOF
rm -f /etc/dnf/protected.d/*
printf '[main]\nenabled=0\n' > /etc/dnf/plugins/local.conf
rm -f /usr/lib/python3/dist-packages/dnf-plugins/leaves.py /usr/lib/python3/dist-packages/dnf-plugins/show_leaves.py
ln -sf dnf-3 /usr/bin/dnf
ln -sf dnf-3 /usr/bin/yum
ln -sf ../dnf/dnf.conf /etc/yum.conf
ln -sfn ../dnf/vars /etc/yum/vars
ln -sfn ../dnf/plugins /etc/yum/pluginconf.d
mkdir -p /usr/libexec
ln -sf ../bin/python3 /usr/libexec/platform-python

# -- nothing of Debian in sight -------------------------------------------------------------------
rm -f /etc/debian_version /etc/os-release /usr/lib/os-release /etc/lsb-release /usr/bin/lsb_release
rm -rf /etc/dpkg/origins /etc/apt /var/lib/apt /var/cache/apt /var/cache/debconf /var/log/apt /var/log/*.log
mkdir -p /opt/.debian
for tool in apt apt-get apt-cache apt-key apt-config apt-mark apt-cdrom dpkg dpkg-query dpkg-deb dpkg-divert \
    dpkg-split dpkg-trigger dpkg-statoverride dpkg-maintscript-helper dpkg-realpath; do
    [ ! -e "/usr/bin/$tool" ] || mv "/usr/bin/$tool" /opt/.debian/
done
ln -sf bash /usr/bin/sh

# A unit that a package brings stays off until somebody enables it; Debian would enable it.
mkdir -p /usr/lib/systemd/system-preset
echo 'disable *' > /usr/lib/systemd/system-preset/99-default-disable.preset

# -- users ----------------------------------------------------------------------------------------
# ops: key, sudo without a password. clerk: key, sudo asks for the password. guest: key, no sudo.
groupadd -r wheel
useradd -m -s /bin/bash -u 1000 -G wheel ops
useradd -m -s /bin/bash -u 1001 -G wheel clerk
useradd -m -s /bin/bash -u 1002 guest
chmod 700 /home/ops /home/clerk /home/guest
echo 'clerk:clerk-of-the-lab' | chpasswd
cat > /etc/sudoers <<'EOF'
Defaults   !visiblepw
Defaults   env_reset
Defaults   env_keep = "COLORS DISPLAY HOSTNAME HISTSIZE KDEDIR LS_COLORS LANG LC_ALL"
Defaults   secure_path = /sbin:/bin:/usr/sbin:/usr/bin
root    ALL=(ALL)       ALL
%wheel  ALL=(ALL)       ALL
ops     ALL=(ALL)       NOPASSWD: ALL
EOF
chmod 440 /etc/sudoers
rm -f /etc/sudoers.d/*
echo 'PATH=/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin' > /etc/environment

# -- sshd, by EL's unit name ----------------------------------------------------------------------
# VERBOSE: the journal says "Starting session: command" for each exec, which tests count.
mkdir -p /etc/ssh/sshd_config.d
cat > /etc/ssh/sshd_config.d/10-lab.conf <<'EOF'
LogLevel VERBOSE
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication yes
MaxStartups 100:30:200
MaxSessions 100
PrintLastLog no
HostKey /etc/ssh/ssh_host_ed25519_key
EOF
: > /etc/motd
rm -f /etc/ssh/ssh_host_* /etc/update-motd.d/*
# Debian's sshd makes the message of the day anew at each login, with two programs; an EL host's starts none.
sed -i '/pam_motd.*motd\.dynamic/d' /etc/pam.d/sshd
units=/usr/lib/systemd/system
sed '/^Alias=/d;/^RuntimeDirectory/d;s#/etc/default/ssh#/etc/sysconfig/sshd#' "$units/ssh.service" > "$units/sshd.service"
rm -f "$units/ssh.service" "$units/ssh.socket" "$units"/ssh@.service "$units"/rescue-ssh.target
rm -f /etc/systemd/system/sshd.service /etc/systemd/system/multi-user.target.wants/ssh.service
ln -sf "$units/sshd.service" /etc/systemd/system/multi-user.target.wants/sshd.service
: > /etc/sysconfig/sshd
echo 'd /run/sshd 0755 root root -' > /usr/lib/tmpfiles.d/sshd-lab.conf
# A left-over SysV script would revive ssh.service, and two sshd would race for port 22.
rm -rf /etc/init.d/* /etc/rc?.d
ln -sf /dev/null /etc/systemd/system/ssh.service

# -- a quiet boot: what a container cannot have, or nobody needs ------------------------------------
for unit in console-getty.service getty.target getty-static.service apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer motd-news.timer \
    systemd-udevd.service systemd-udev-trigger.service systemd-firstboot.service dnf-makecache.timer \
    dnf-makecache.service systemd-networkd-wait-online.service systemd-tmpfiles-clean.timer \
    sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-pcrphase.service \
    systemd-pcrphase-sysinit.service systemd-ask-password-wall.path systemd-ask-password-console.path \
    modprobe@configfs.service modprobe@drm.service modprobe@dm_mod.service modprobe@efi_pstore.service \
    modprobe@fuse.service modprobe@loop.service; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
# sysctl -p at boot: only what a namespace owns can be set, the rest must not fail the boot.
mkdir -p /etc/systemd/system/systemd-sysctl.service.d
printf '[Service]\nSuccessExitStatus=1\n' > /etc/systemd/system/systemd-sysctl.service.d/lab.conf
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nRateLimitBurst=0\n' > /etc/systemd/journald.conf.d/lab.conf
ln -sf "$units/multi-user.target" /etc/systemd/system/default.target
: > /etc/machine-id

# Tells the lab outside when the boot is over, and how it went.
cat > "$units/lab-ready.service" <<'EOF'
[Unit]
Description=Report the end of the boot to the lab

[Service]
ExecStart=/bin/sh -c 'state=$(systemctl is-system-running --wait); echo "$state" > /run/staithe-lab/state'
EOF
ln -sf "$units/lab-ready.service" /etc/systemd/system/multi-user.target.wants/lab-ready.service

# -- small files ----------------------------------------------------------------------------------
rm -f /etc/resolv.conf /etc/hostname
: > /etc/resolv.conf
echo '127.0.0.1 localhost' > /etc/hosts
mkdir -p /etc/selinux
printf 'SELINUX=disabled\nSELINUXTYPE=targeted\n' > /etc/selinux/config
mkdir -p /var/lib/docker /var/lib/containerd /data
rm -rf /var/lib/dpkg /usr/share/doc /usr/share/man /usr/share/locale
