"""Where staithe's files live on a host. The one place that names them."""

from __future__ import annotations

# container-selinux labels everything below /usr/libexec/docker as container_runtime_exec_t, so a plain
# restorecon gives the programs their right label there (container.fc, all releases since 2.74).
ENGINE_ROOT = "/usr/libexec/docker/staithe"
ENGINE_CURRENT = f"{ENGINE_ROOT}/current"
# EL's sudo path has /usr/bin, not /usr/local/bin.
BIN_DIR = "/usr/bin"

STATE_DIR = "/var/lib/staithe"
BLOB_DIR = f"{STATE_DIR}/blobs/sha256"
# Of a host that serves blobs to its neighbours, for the time of one run; readable for who knows a digest.
RELAY_DIR = "/var/lib/staithe-relay"
RECORD = f"{STATE_DIR}/record.json"
RUNNING = f"{STATE_DIR}/running.json"
# One line for each placed program: SHA256 SIZE INODE MTIME CTIME PATH. The probe compares it with one `stat`.
STAMPS = f"{STATE_DIR}/stamps"
# Held with flock by the run that is changing the host; LOCK.holder says who that is.
LOCK = f"{STATE_DIR}/lock"
# Held, shared, by each command that changes something, as long as it runs.
WORK_LOCK = f"{STATE_DIR}/lock.work"
# What was on the host before staithe's first touch.
FORMER = f"{STATE_DIR}/former.json"
ORIGINAL_DIR = f"{STATE_DIR}/original"
# What a run has replaced since the engine was last seen healthy (staithe/journal.py).
JOURNAL = f"{STATE_DIR}/journal"
JOURNAL_RUN = f"{JOURNAL}/run"
# There while a transaction of packages is under way: the number of its process.
TRANSACTION = f"{JOURNAL}/transaction"
# What the probe reads of staithe's own, whole.
NOTES = (RECORD, RUNNING, FORMER, JOURNAL_RUN, TRANSACTION)
# The current and the former generation: record and managed files.
GENERATIONS = f"{STATE_DIR}/generations"
# One line for each generation there has been.
HISTORY = f"{STATE_DIR}/history"

# RPMs of this and the former generation, for the way back without a network.
PACKAGE_DIR = f"{STATE_DIR}/packages"
# For the time of an installation: repository files and metadata that dnf is led to.
REPOSITORY_DIR = f"{STATE_DIR}/repository"
REPOSITORY = "staithe-docker-ce"
REPOSITORY_FILE = f"/etc/yum.repos.d/{REPOSITORY}.repo"
REPOSITORY_KEY = "/etc/pki/rpm-gpg/RPM-GPG-KEY-staithe"
# Of the versionlock plugins of dnf and yum; not staithe's, but for its own block of lines.
VERSION_LOCKS = ("/etc/dnf/plugins/versionlock.list", "/etc/yum/pluginconf.d/versionlock.list")

MODULES_FILE = "/etc/modules-load.d/staithe.conf"
SYSCTL_FILE = "/etc/sysctl.d/99-staithe.conf"
DAEMON_JSON = "/etc/docker/daemon.json"
UNIT_DIR = "/etc/systemd/system"
# The packages' own units; a file of the same name in UNIT_DIR goes before them.
PACKAGE_UNIT_DIR = "/usr/lib/systemd/system"
UNITS = ("containerd.service", "docker.socket", "docker.service")
