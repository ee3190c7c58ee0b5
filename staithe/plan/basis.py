"""What a plan rests on, as digests: each key of the configuration, the bundle, each part of the host's state.

Only what decisions look at: never the clock, free bytes, how many containers run, or the number of a process.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from staithe.config import Config
from staithe.config.effective import described
from staithe.config.keys import flattened
from staithe.desired import Desired
from staithe.events import PlanBasis
from staithe.probe.state import HostState
from staithe.record import started_with

# Name of a part -> what decisions look at, and how it is now in a few words (empty: the name says enough).
Parts = dict[str, tuple[Any, str]]


def basis_of(config: Config, state: HostState, desired: Desired, salt: str) -> PlanBasis:
    """Return the digests. `salt` makes them differ from plan to plan: no table tells which value one stands for."""
    return PlanBasis(
        config={".".join(path): _digest(value, salt) for path, value in flattened(described(config)) if value != {}},
        bundle=desired.bundle.digest,
        state={name: _digest(value, salt) for name, (value, _) in state_parts(state, desired).items()},
    )


def state_parts(state: HostState, desired: Desired) -> Parts:
    """Return the parts of a host's state that plans rest on, by the names that a person knows them by."""
    parts: Parts = {
        "operating system": ([state.os.id, state.os.version_id], f"{state.os.id} {state.os.version_id}"),
        "kernel": ([state.kernel.release, state.kernel.arch], state.kernel.release),
        "cgroups": ([state.cgroup.version, sorted(state.cgroup.controllers)], f"v{state.cgroup.version}"),
        "SELinux": (state.security.selinux, state.security.selinux),
        "firewalld": (state.security.firewalld, state.security.firewalld),
        "staithe's record": (state.record, ""),
        "a run that ended in the middle": (state.unfinished, state.unfinished or "none"),
        "docker group": ([state.docker_group.exists, sorted(state.docker_group.members)], ""),
        "users": (sorted(state.users), ""),
        "missing commands": (sorted(state.missing_commands), ", ".join(state.missing_commands) or "none"),
        "unreadable parts of the probe": (sorted(set(state.odd) - {"docker"}), ""),
    }
    for name, module in state.kernel.modules.items():
        parts[f"module {name}"] = ([module.loaded, module.loadable], "loaded" if module.loaded else "not loaded")
    for key, value in state.kernel.sysctl.items():
        parts[f"kernel {key}"] = (value.split() if value is not None else None, "unknown" if value is None else value)
    for path, storage in state.storage.items():
        parts[f"file system of {path}"] = ([storage.fstype, storage.d_type], storage.fstype)
    for path, file in state.files.items():
        parts[path] = ([file.exists, file.sha256, file.mode, file.owner], "" if file.exists else "missing")
    for name, package in state.packages.items():
        parts[f"package {name}"] = (package, package)
    return parts | _engine_parts(state) | _service_parts(state) | _image_parts(state, desired)


def _engine_parts(state: HostState) -> Parts:
    engine = state.engine
    parts: Parts = {"engine": ([engine.origin, engine.current], engine.current or engine.origin)}
    for binary in engine.binaries.values():
        parts[binary.path] = ([binary.path, binary.target, binary.package], f"linked to {binary.target}")
    return parts | {path: (sha256, "") for path, sha256 in engine.placed.items()}


def _service_parts(state: HostState) -> Parts:
    parts: Parts = {}
    for name, unit in state.units.items():
        # A socket "listens" or "runs" from one minute to the next: sub_state is left out.
        seen = unit.model_dump(mode="json", exclude={"sub_state", "main_pid"})
        words = unit.active_state if unit.load_state != "not-found" else "not there"
        parts[name] = (seen, f"{words}, {unit.unit_file_state}" if unit.unit_file_state else words)
    for name, process in state.processes.items():
        started = started_with(state, name)
        noted = [started.unit_sha256, started.daemon_json] if started else None
        parts[f"process of {name}"] = ([process.exe, noted], "")
    info = state.docker
    asked = info and [
        info.server_version,
        info.storage_driver,
        info.data_root,
        info.live_restore,
        info.containerd_store,
    ]
    parts["answer of the engine"] = (asked, "" if info else "none")
    return parts


def _image_parts(state: HostState, desired: Desired) -> Parts:
    """Only the images that are described; what else is in the store is nobody's business here."""
    parts: Parts = {}
    for image in desired.images:
        name = f"image {', '.join(image.references)}"
        found = [
            [one.id, sorted(set(one.tags) & set(image.references))]
            for one in state.images or ()
            if one.id in image.ids or set(one.tags) & set(image.references)
        ]
        parts[name] = (None if state.images is None else sorted(found), "" if found else "missing")
    return parts


def _digest(value: Any, salt: str) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()[:32]
