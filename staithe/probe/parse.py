"""From the probe's answer to a HostState."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staithe.probe.answer import Section, take_apart
from staithe.probe.read_engine import read_engine, read_packages
from staithe.probe.read_files import read_files
from staithe.probe.read_host import read_commands, read_kernel, read_storage, read_system, read_users
from staithe.probe.read_packaging import read_packaging
from staithe.probe.read_units import read_docker, read_units
from staithe.probe.request import ProbeRequest
from staithe.probe.script import PROBE_VERSION
from staithe.probe.state import HostState

# A reader returns the fields that its section replaces. "odd" among them is the text for HostState.odd.
Reader = Callable[[Section, ProbeRequest, HostState], dict[str, Any]]

_READERS: dict[str, Reader] = {
    "system": read_system,
    "kernel": read_kernel,
    "storage": read_storage,
    "engine": read_engine,
    "packages": read_packages,
    "packaging": read_packaging,
    "units": read_units,
    "docker": read_docker,
    "users": read_users,
    "commands": read_commands,
    "files": read_files,
}


def parse(output: str, base: HostState | None = None) -> HostState:
    """Return what a probe's answer says; the sections that it does not hold are those of `base`.

    A section that cannot be read leaves its fields empty and stands in `odd`. Raises ProbeFailed when the answer as
    a whole cannot be trusted.
    """
    answer = take_apart(output)
    state = base or HostState()
    odd = {name: text for name, text in state.odd.items() if name not in answer.sections}
    state = state.model_copy(update={"probe_version": PROBE_VERSION, "clock": answer.clock})
    for name, section in answer.sections.items():
        update: dict[str, Any] = {}
        try:
            update = _READERS[name](section, answer.request, state)
            text = update.pop("odd", "")
        except (ValueError, KeyError, IndexError, TypeError) as error:
            text = f"cannot be read: {type(error).__name__}: {error}"
        if text:
            odd[name] = text[:500]
        state = state.model_copy(update=update or _emptied(name))
    return HostState.model_validate(state.model_copy(update={"odd": odd}).model_dump())


# What a section that could not be read leaves behind: a former answer must not stand for the present one.
_FIELDS: dict[str, tuple[str, ...]] = {
    "system": ("os", "cgroup", "boot_id"),
    "kernel": (),
    "storage": ("storage",),
    "engine": ("engine",),
    "packages": ("packages", "duplicates", "kept_packages", "package_keys"),
    "packaging": ("packaging",),
    "units": ("units", "processes"),
    "docker": ("docker", "images"),
    "users": ("users", "docker_group"),
    "commands": ("missing_commands",),
    "files": ("files", "record", "running", "former", "unfinished", "is_cut_off"),
}


def _emptied(name: str) -> dict[str, Any]:
    empty = HostState()
    return {field: getattr(empty, field) for field in _FIELDS[name]}
