"""HostState: everything staithe knows of a host, from one probe. Pure data, no decisions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

HOST_STATE_SCHEMA = 1

Origin = Literal["none", "staithe", "static", "rpm", "distribution", "script"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OsRelease(_Part):
    """From /etc/os-release."""

    id: str = ""
    id_like: tuple[str, ...] = ()
    version_id: str = ""
    pretty_name: str = ""
    # The leading number of VERSION_ID; 0 when there is none.
    major: int = 0


class KernelModule(_Part):
    loaded: bool = Field(description="In /proc/modules or built in.")
    loadable: bool = Field(description="Loaded, or `modprobe -n` finds it.")


class Kernel(_Part):
    release: str = ""
    # As `uname -m` says: x86_64, aarch64.
    arch: str = ""
    modules: dict[str, KernelModule] = {}
    # None: the key does not exist (now).
    sysctl: dict[str, str | None] = {}


class Cgroup(_Part):
    # 1 also for the hybrid layout: the controllers sit on v1.
    version: Literal[1, 2] = 1
    controllers: tuple[str, ...] = ()


class Security(_Part):
    selinux: Literal["enforcing", "permissive", "disabled"] = "disabled"
    firewalld: Literal["active", "inactive", "absent"] = "absent"
    fapolicyd: Literal["enforcing", "permissive", "inactive"] = "inactive"
    # A rule or an entry of fapolicyd's trust names the folder of staithe's engines.
    fapolicyd_trusts: bool = False


class Storage(_Part):
    """The file system that holds (or will hold) a folder."""

    path: str = ""
    fstype: str = ""
    free_bytes: int = 0
    total_bytes: int = 0
    # xfs only: False when made with ftype=0, None when unknown or another file system.
    d_type: bool | None = None


class EngineBinary(_Part):
    """One program of the engine as found on root's PATH (/usr/bin first)."""

    path: str
    # Where a symlink ends; equal to path for a plain file.
    target: str
    # None: not known (not placed by staithe and not hashed).
    sha256: str | None = None
    size_bytes: int = 0
    # Package that owns the target (NEVRA), if rpm says so.
    package: str | None = None


class Engine(_Part):
    origin: Origin = "none"
    # Of the origin's own word: record, rpm version, or None when nobody says it without running the binary.
    version: str | None = None
    # Keyed by program name: dockerd, docker, containerd, ...
    binaries: dict[str, EngineBinary] = {}
    # Every file below staithe's versioned directories, by absolute path, with its sha256.
    placed: dict[str, str] = {}
    # Names of the versioned directories that are there.
    directories: tuple[str, ...] = ()
    # Where `current` points to: the name of the versioned directory; None when there is none.
    current: str | None = None


class Unit(_Part):
    """What `systemctl show` says of one unit."""

    load_state: str = "not-found"
    active_state: str = "inactive"
    sub_state: str = "dead"
    unit_file_state: str = ""
    fragment_path: str = ""
    drop_in_paths: tuple[str, ...] = ()
    need_daemon_reload: bool = False
    main_pid: int = 0


class Process(_Part):
    """A running daemon, identified by pid, start and boot."""

    pid: int
    # Field 22 of /proc/PID/stat, clock ticks since boot.
    start_ticks: int
    # Seconds since the epoch; up to some hundredths of a second early, never late.
    started_at: float
    # readlink /proc/PID/exe
    exe: str = ""


class ManagedFile(_Part):
    """A file that staithe may manage, as it is now."""

    exists: bool = False
    sha256: str = ""
    # None when it is no regular file, is larger than 64 KiB, is no UTF-8, or changed while it was read.
    text: str | None = None
    # Permission bits in octal, like "644".
    mode: str = ""
    # "USER:GROUP", names or numbers.
    owner: str = ""
    # Seconds since the epoch.
    ctime: float = 0


class DockerInfo(_Part):
    """From the running engine; only asked when docker.service is active."""

    server_version: str = ""
    storage_driver: str = ""
    cgroup_driver: str = ""
    cgroup_version: str = ""
    data_root: str = ""
    live_restore: bool = False
    # True with the containerd image store (an image's id is then its manifest digest).
    containerd_store: bool = False
    registry_mirrors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    containers_running: int = 0


class Image(_Part):
    # sha256:... : config digest in the classic store, manifest digest in the containerd store.
    id: str
    # As the engine names them: name:tag, without docker.io/ and library/.
    tags: tuple[str, ...] = ()


class Group(_Part):
    exists: bool = False
    gid: int | None = None
    members: tuple[str, ...] = ()


class Exclude(_Part):
    """A pattern of packages that yum or dnf leave out."""

    file: str
    # "main", or the repository that it holds for.
    section: str
    pattern: str


class VersionLock(_Part):
    """An entry of a versionlock list that speaks of a package of the engine."""

    file: str
    package: str
    # As it stands there.
    entry: str
    # The version that is compared with, without epoch and release; may hold wildcards, `*` for all.
    version: str
    # What is let through: versions that compare like this. "!=" of yum and dnf 4 is an entry with a "!".
    comparator: Literal["=", "!=", "<", "<=", ">", ">="] = "="


class LockHolder(_Part):
    """A process that holds the rpm database."""

    pid: int
    name: str
    path: str


class PackageRepository(_Part):
    """A repository with Docker's packages that somebody else described."""

    file: str
    section: str
    # Without a login.
    url: str


class Packaging(_Part):
    """What may be in a package manager's way; only asked for when packages are the source."""

    manager: Literal["dnf5", "dnf", "yum", "none"] = "none"
    # Of these three only what speaks of the engine, and nothing that staithe wrote.
    excludes: tuple[Exclude, ...] = ()
    version_locks: tuple[VersionLock, ...] = ()
    repositories: tuple[PackageRepository, ...] = ()
    holders: tuple[LockHolder, ...] = ()
    fips: bool = False
    # Of the mount that holds /usr: "ro", "noexec".
    usr_options: tuple[str, ...] = ()


class HostState(_Part):
    """One probe's answer."""

    schema_version: Literal[1] = 1
    probe_version: int = 1
    os: OsRelease = OsRelease()
    kernel: Kernel = Kernel()
    cgroup: Cgroup = Cgroup()
    security: Security = Security()
    # Of data-root, /var/lib/containerd, /usr, /var/lib/staithe: keyed by the path asked for.
    storage: dict[str, Storage] = {}
    engine: Engine = Engine()
    # docker.service, docker.socket, containerd.service
    units: dict[str, Unit] = {}
    # Keyed like units; only those with a main process.
    processes: dict[str, Process] = {}
    # Keyed by absolute path.
    files: dict[str, ManagedFile] = {}
    docker: DockerInfo | None = None
    # None: not known, because the engine is not running.
    images: tuple[Image, ...] | None = None
    docker_group: Group = Group()
    # Users that were asked for and do exist.
    users: tuple[str, ...] = ()
    boot_id: str = ""
    # /var/lib/staithe/record.json, running.json and former.json, whole, or None.
    record: str | None = None
    running: str | None = None
    former: str | None = None
    # The run that did not come as far as a healthy engine (staithe/journal.py); None when there is none.
    unfinished: str | None = None
    # That run was in the middle of a transaction of packages.
    is_cut_off: bool = False
    # Packages of the engine or in conflict with it that rpm knows: name -> NEVRA.
    packages: dict[str, str] = {}
    # Those that are there more than once, which a transaction that was cut off leaves: name -> NEVRAs.
    duplicates: dict[str, tuple[str, ...]] = {}
    # None: not asked for.
    packaging: Packaging | None = None
    # File names of the RPMs that staithe keeps on the host for the way back.
    kept_packages: tuple[str, ...] = ()
    # Ids of the keys that rpm trusts: eight hex digits each.
    package_keys: tuple[str, ...] = ()
    # Commands from the list asked for that are missing (iptables, tar, ...).
    missing_commands: tuple[str, ...] = ()
    # Seconds since the epoch on the host, and what the probe found odd: section -> text.
    clock: int = 0
    # This machine's clock when the answer came; 0 when nobody noted it.
    asked_at: int = 0
    odd: dict[str, str] = {}

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `pyinfra INVENTORY fact ...` looks for a method of this name."""
        return self.model_dump(mode="json")
