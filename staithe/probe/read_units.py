"""Reads the sections that say what runs: systemd's units, their processes, and the engine itself."""

from __future__ import annotations

import json
from typing import Any

from staithe.probe.answer import Section
from staithe.probe.request import ProbeRequest
from staithe.probe.state import DockerInfo, HostState, Image, Process, Unit

# In the order in which the script asks for them.
_UNITS = ("docker.service", "docker.socket", "containerd.service", "firewalld.service")
# USER_HZ is 100 on every architecture that staithe supports.
_TICKS_PER_S = 100
_CONTAINERD_DRIVER = "io.containerd.snapshotter.v1"


def read_units(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read the engine's units with their processes, and firewalld's state."""
    blocks = _blocks(section.texts())
    if len(blocks) != len(_UNITS) or not all("LoadState" in block for block in blocks):
        raise ValueError(f"systemctl says: {next(iter(section.texts()), 'nothing')}")
    units = {name: _unit(block) for name, block in zip(_UNITS, blocks, strict=True)}
    firewall = units.pop("firewalld.service")
    firewalld = "active" if firewall.active_state == "active" else "inactive"
    if firewall.load_state == "not-found":
        firewalld = "absent"
    pids = {name: unit.main_pid for name, unit in units.items() if unit.main_pid}
    processes = {name: _process(section, pid) for name, pid in pids.items()}
    return {
        "units": units,
        "processes": {name: process for name, process in processes.items() if process is not None},
        "security": state.security.model_copy(update={"firewalld": firewalld}),
    }


def _blocks(lines: list[str]) -> list[dict[str, str]]:
    blocks: list[dict[str, str]] = [{}]
    for line in lines:
        name, equals, value = line.partition("=")
        if equals:
            blocks[-1][name] = value
        elif not line and blocks[-1]:
            blocks.append({})
    return blocks if blocks[-1] else blocks[:-1]


def _unit(block: dict[str, str]) -> Unit:
    return Unit(
        load_state=block["LoadState"],
        active_state=block["ActiveState"],
        sub_state=block["SubState"],
        unit_file_state=block.get("UnitFileState", ""),
        fragment_path=block.get("FragmentPath", ""),
        drop_in_paths=tuple(block.get("DropInPaths", "").split()),
        need_daemon_reload=block.get("NeedDaemonReload") == "yes",
        main_pid=int(block.get("MainPID", "0")),
    )


def _process(section: Section, pid: int) -> Process | None:
    stat = section.value(f"/proc/{pid}/stat")
    clock, _, uptime = section.value("booted").partition(" ")
    if not stat or not uptime:  # it ended in between
        return None
    # The second field is the name in parentheses, which may hold anything; the third begins after the last one.
    start_ticks = int(stat.rpartition(")")[2].split()[19])
    exes = dict(value.partition(" ")[::2] for value in section.values("exe"))
    return Process(
        pid=pid,
        start_ticks=start_ticks,
        # The uptime is cut to its hundredth: without the last one the start could come out late.
        started_at=float(clock) - float(uptime) + (start_ticks - 1) / _TICKS_PER_S,
        exe=exes.get(str(pid), ""),
    )


def read_docker(section: Section, request: ProbeRequest, state: HostState) -> dict[str, Any]:
    """Read what the running engine says of itself and its images, from the API (curl) or the docker command."""
    if section.value("asked") != "1":
        return {"docker": None, "images": None}
    info: dict[str, Any] | None = None
    images: list[Image] | None = None
    rows: list[dict[str, Any]] = []
    status = "no status"
    for line in section.texts():
        if line.startswith("{") and info is None:
            info = json.loads(line)
        elif line.startswith("{"):
            rows.append(json.loads(line))
        elif line.startswith("["):
            images = [_api_image(row) for row in json.loads(line)]
        elif line == "listed":
            images = _listed_images(rows)
        elif line.startswith("status "):
            status = line
    if info is None or not info.get("ServerVersion"):
        return {
            "docker": None,
            "images": None,
            "odd": f"docker.service is active, but the engine gave no answer (limit 10 s, {status})",
        }
    odd = "" if images is not None else f"the engine did not list its images ({status})"
    return {"docker": _info(info), "images": None if images is None else tuple(images), "odd": odd}


def _info(info: dict[str, Any]) -> DockerInfo:
    driver_status = [tuple(pair) for pair in info.get("DriverStatus") or ()]
    return DockerInfo(
        server_version=info["ServerVersion"],
        storage_driver=info.get("Driver", ""),
        cgroup_driver=info.get("CgroupDriver", ""),
        cgroup_version=info.get("CgroupVersion", ""),
        data_root=info.get("DockerRootDir", ""),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        containerd_store=("driver-type", _CONTAINERD_DRIVER) in driver_status,
        registry_mirrors=tuple((info.get("RegistryConfig") or {}).get("Mirrors") or ()),
        warnings=tuple(info.get("Warnings") or ()),
        containers_running=int(info.get("ContainersRunning", 0)),
    )


def _api_image(row: dict[str, Any]) -> Image:
    tags = (tag for tag in row.get("RepoTags") or () if "<none>" not in tag)
    return Image(id=row["Id"], tags=tuple(sorted(tags)))


def _listed_images(rows: list[dict[str, Any]]) -> list[Image]:
    """Return one image for each id; `docker images` has a row for each tag."""
    tags: dict[str, list[str]] = {}
    for row in rows:
        names = tags.setdefault(row["ID"], [])
        if "<none>" not in (row["Repository"], row["Tag"]):
            names.append(f"{row['Repository']}:{row['Tag']}")
    return [Image(id=id_, tags=tuple(sorted(names))) for id_, names in tags.items()]
