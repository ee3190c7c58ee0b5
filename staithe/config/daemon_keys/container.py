"""daemon.json: what containers get when they ask for nothing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from staithe.config.daemon_keys.dashed import Dashed, key
from staithe.config.problems import shown
from staithe.config.section import Section
from staithe.config.values import SIZE_PATTERN, AbsolutePath, Expects, KeyValue, Name, Size, mistake, text

LogDriver = Annotated[str, text("a log driver such as json-file, local or journald", r"[a-z0-9][a-z0-9_./:-]*")]
UsernsRemap = Annotated[
    str, text('"default", USER, or USER:GROUP', r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
]
SeccompProfile = Annotated[
    str, text('"builtin", "unconfined" or an absolute path', r"builtin|unconfined|/[A-Za-z0-9._/@+-]+")
]
CgroupParent = Annotated[str, text("a cgroup such as docker.slice or /docker", r"/?[A-Za-z0-9_][A-Za-z0-9_./-]*")]
_MAX_SIZE = text('a size such as "300m", or "-1" for no limit', rf"-1|{SIZE_PATTERN}")
_MAX_FILE = text('a number of files such as "2"', r"[1-9][0-9]{0,5}")


def _log_value(value: Any) -> Any:
    # The engine takes text only here; everybody writes max-file = 2 at least once.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _check_log_opts(options: dict[str, str]) -> dict[str, str]:
    for name, check in (("max-size", _MAX_SIZE), ("max-file", _MAX_FILE)):
        try:
            if name in options:
                check.func(options[name])  # type: ignore[call-arg]
        except ValueError as error:
            raise mistake(f"{name}: found {shown(options[name])}, expected {error}") from None
    if options.get("max-file", "1") != "1" and "max-size" not in options:
        raise mistake("max-file has no effect without max-size: add a size such as 300m")
    return options


LogOpts = Annotated[
    dict[str, Annotated[str, BeforeValidator(_log_value)]], Expects(_check_log_opts, "a dictionary of texts")
]


class Ulimit(Section):
    """A limit of processes in containers."""

    name: Name | None = Field(default=None, alias="Name", description="The limit's name, again.")
    hard: int = Field(alias="Hard", ge=-1, description="The limit that cannot be raised; -1 is none.")
    soft: int = Field(alias="Soft", ge=-1, description="The limit in force; -1 is none.")


# The engine writes these into a shell script as they are (moby daemon/runtime_unix.go), and runs it as root.
RuntimePath = Annotated[
    str, text("a path or name of letters, digits and . _ / @ + = , -", r"/?[A-Za-z0-9_][A-Za-z0-9._/@+=,-]*", 1024)
]
RuntimeArgument = Annotated[
    str, text("an argument of letters, digits and . _ / @ + = : , % -", r"[A-Za-z0-9._/@+=:,%-]+", 1024)
]


class Runtime(Section):
    """A further OCI runtime."""

    path: RuntimePath | None = Field(default=None, description="Its program.", examples=["/usr/bin/crun"])
    runtime_args: tuple[RuntimeArgument, ...] | None = Field(
        default=None, alias="runtimeArgs", description="Arguments it gets."
    )
    runtime_type: RuntimePath | None = Field(
        default=None, alias="runtimeType", description="Name of its containerd shim."
    )
    options: dict[str, Any] | None = Field(default=None, description="Options for the shim.")


class ContainerKeys(Dashed):
    """Defaults of containers."""

    log_driver: LogDriver | None = key("Where the output of containers goes (the engine's own: json-file).")
    log_opts: LogOpts | None = key(
        "Options of the log driver. The engine takes text; a number that you write here becomes text.",
        examples=[{"max-size": "300m", "max-file": "2"}],
    )
    default_ulimits: dict[Name, Ulimit] | None = key(
        "Limits of processes.", examples=[{"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}}]
    )
    default_shm_size: Size | None = key("Size of /dev/shm (the engine's own: 64M).", examples=["64M"])
    default_ipc_mode: Literal["private", "shareable"] | None = key("IPC namespace.")
    default_cgroupns_mode: Literal["private", "host"] | None = key("Cgroup namespace.")
    default_stop_timeout: int | None = key("Seconds between SIGTERM and SIGKILL (the engine's own: 10).", ge=-1)
    default_runtime: Name | None = key("OCI runtime (the engine's own: runc).")
    runtimes: dict[Name, Runtime] | None = key(
        "Further OCI runtimes.", examples=[{"crun": {"path": "/usr/bin/crun"}}]
    )
    init: bool | None = key("Run docker-init as process 1 of every container.")
    init_path: AbsolutePath | None = key("Path of docker-init.")
    default_init: str | None = key("Name or path of the init program.")
    cgroup_parent: CgroupParent | None = key("Cgroup above all containers; ends in .slice with the systemd driver.")
    cpu_rt_period: int | None = key("Real-time period in microseconds (cgroup v1).", ge=0)
    cpu_rt_runtime: int | None = key("Real-time runtime in microseconds (cgroup v1).", ge=0)
    exec_opts: tuple[Literal["native.cgroupdriver=systemd", "native.cgroupdriver=cgroupfs"], ...] | None = key(
        "The cgroup driver. Set it only where a kubelet asks for it.", examples=[["native.cgroupdriver=systemd"]]
    )
    no_new_privileges: bool | None = key("No process in a container gains privileges (setuid).")
    seccomp_profile: SeccompProfile | None = key("The seccomp profile.")
    selinux_enabled: bool | None = key("SELinux labels for containers.")
    userns_remap: UsernsRemap | None = key(
        "Root in a container is another user on the host. The engine starts empty."
    )
    cdi_spec_dirs: tuple[AbsolutePath, ...] | None = key("Folders of CDI device specifications.")
    node_generic_resources: tuple[KeyValue, ...] | None = key(
        "Resources told to swarm.", examples=[["NVIDIA-GPU=UUID1"]]
    )
