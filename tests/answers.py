"""What the probe would answer on a host in a given state: the reverse of staithe/probe/parse.py."""

from __future__ import annotations

import base64
import hashlib
import json

from staithe.host_layout import ENGINE_ROOT, RECORD, RUNNING
from staithe.probe.request import ProbeRequest
from staithe.probe.script import PACKAGES, storage_paths, sysctl_path
from staithe.probe.script import sections as script_sections
from staithe.probe.state import HostState, ManagedFile, Unit

_UNITS = ("docker.service", "docker.socket", "containerd.service", "firewalld.service")
_TICKS_PER_S = 100


def answer_of(state: HostState, request: ProbeRequest) -> str:
    """Return the probe's whole answer on a host that is in `state`."""
    sections = {
        "system": _system(state),
        "kernel": _kernel(state, request),
        "storage": _storage(state, request),
        "engine": _engine(state),
        "packages": [f"package {n} {state.packages.get(n, 'is not installed')}" for n in PACKAGES],
        "units": _units(state),
        "docker": _docker(state),
        "users": _users(state),
        "commands": [f"missing\t{name}" for name in state.missing_commands],
        "files": _files(state, request),
    }
    asked = request.model_copy(update={"sections": ()}).model_dump_json()
    lines = ["@begin staithe-probe 1", f"@request {asked}", f"clock\t{state.clock}"]
    for name in script_sections(request.model_copy(update={"sections": ()})):
        lines += [f"@section {name}", *sections[name]]
    return "\n".join([*lines, "@end staithe-probe 1"]) + "\n"


def _system(state: HostState) -> list[str]:
    os = state.os
    values = {
        "ID": os.id,
        "ID_LIKE": " ".join(os.id_like),
        "VERSION_ID": os.version_id,
        "PRETTY_NAME": os.pretty_name,
    }
    return [
        f"uname\t{state.kernel.release} {state.kernel.arch}",
        *(f'/etc/os-release:{name}="{value}"' for name, value in values.items()),
        f"/proc/sys/kernel/random/boot_id:{state.boot_id}",
        "unified\t1",
        f"/sys/fs/cgroup/cgroup.controllers:{' '.join(state.cgroup.controllers)}",
    ]


def _kernel(state: HostState, request: ProbeRequest) -> list[str]:
    modules = state.kernel.modules
    lines = [f"loaded\t{name}" for name in request.modules if name in modules and modules[name].loaded]
    lines += [f"loadable\t{name}" for name in request.modules if name in modules and modules[name].loadable]
    values = {key: state.kernel.sysctl.get(key) for key in request.sysctl}
    return lines + [f"{sysctl_path(key)}:{value}" for key, value in values.items() if value is not None]


def _storage(state: HostState, request: ProbeRequest) -> list[str]:
    lines = ["df\tType 1024-blocks Available\tMounted on"]
    for path in storage_paths(request.data_root):
        one = state.storage[path]
        lines.append(f"df\t{one.fstype} {one.total_bytes // 1024} {one.free_bytes // 1024}\t{path}")
        if one.d_type is not None:
            lines.append(f"ftype\t{one.d_type:d}\t{path}")
    return lines


def _engine(state: HostState) -> list[str]:
    engine = state.engine
    lines = [f"current\t{ENGINE_ROOT}/{engine.current}"] if engine.current else []
    for path, sha256 in engine.placed.items():
        lines += [f"placed\t5000 7 900 900 {path}", f"stamp\t{sha256}  {path}"]
    for name, binary in engine.binaries.items():
        lines += [f"binary\t{name} {binary.path}", f"target\t{binary.target}"]
    return lines


def _units(state: HostState) -> list[str]:
    lines = []
    for name in _UNITS:
        unit = state.units.get(name, Unit())
        process = state.processes.get(name)
        values = {
            "Id": name,
            "MainPID": process.pid if process else 0,
            "LoadState": unit.load_state,
            "ActiveState": unit.active_state,
            "SubState": unit.sub_state,
            "UnitFileState": unit.unit_file_state,
            "NeedDaemonReload": "yes" if unit.need_daemon_reload else "no",
        }
        lines += [*(f"|{key}={value}" for key, value in values.items()), "|"]
    boots = {one.started_at - (one.start_ticks - 1) / _TICKS_PER_S for one in state.processes.values()}
    assert len(boots) < 2, "processes of one host have one boot"
    lines += [f"booted\t{boot + 1000} 1000" for boot in boots]
    for one in state.processes.values():
        before = " ".join(["0"] * 18)
        lines += [f"exe\t{one.pid} {one.exe}", f"/proc/{one.pid}/stat:{one.pid} (x) S {before} {one.start_ticks} 0 0"]
    return lines


def _docker(state: HostState) -> list[str]:
    if state.docker is None:
        return []
    docker = state.docker
    info = {
        "ServerVersion": docker.server_version,
        "Driver": docker.storage_driver,
        "CgroupDriver": docker.cgroup_driver,
        "CgroupVersion": docker.cgroup_version,
        "LiveRestoreEnabled": docker.live_restore,
        "ContainersRunning": docker.containers_running,
    }
    images = [{"Id": image.id, "RepoTags": list(image.tags)} for image in state.images or ()]
    return ["asked\t1", f"|{json.dumps(info)}", "|", f"|{json.dumps(images)}", "|", "|status 0"]


def _users(state: HostState) -> list[str]:
    group = state.docker_group
    lines = [f"/etc/group:docker:x:{group.gid or 990}:{','.join(group.members)}"] if group.exists else []
    return [*lines, *(f"/etc/passwd:{name}:" for name in state.users)]


def _files(state: HostState, request: ProbeRequest) -> list[str]:
    files = {path: state.files.get(path, ManagedFile()) for path in request.files}
    for path, text in ((RECORD, state.record), (RUNNING, state.running)):
        files[path] = ManagedFile(exists=text is not None, text=text, mode="600", owner="root:root")
    there = {path: file for path, file in files.items() if file.exists}
    stats, sums, stream = [], [], b""
    for path, file in there.items():
        data = (file.text or "").encode()
        stats.append(f"file\t{len(data)} {file.mode} {file.ctime} 0 0 {file.owner} {path}")
        sums.append(f"{hashlib.sha256(data).hexdigest()}  {path}")
        stream += data
    return [*stats, *sums, "contents\there", *base64.encodebytes(stream).decode().splitlines()]
