"""What it takes to bring one small file to its wanted text and mode."""

from __future__ import annotations

from staithe.change import Change, Component, Effect, change
from staithe.config.problems import masked
from staithe.desired import File
from staithe.probe.state import HostState, ManagedFile

_OWNER = "root:root"


def file_changes(
    component: Component, path: str, wanted: File, state: HostState, effect: Effect = "none"
) -> tuple[Change, ...]:
    """Return the change that brings `path` to `wanted`, or nothing; its texts have passwords in addresses masked."""
    found = state.files.get(path, ManagedFile())
    if not found.exists:
        return (change(component, "create", path, "missing", after=masked(wanted.text), effect=effect),)
    if found.sha256 != wanted.sha256:
        before = masked(found.text) if found.text is not None else f"(sha256 {found.sha256})"
        return (
            change(
                component, "update", path, "content differs", before=before, after=masked(wanted.text), effect=effect
            ),
        )
    if (found.mode, found.owner) != (wanted.mode, _OWNER):
        return (
            change(
                component,
                "set",
                path,
                "owner or mode differs",
                before=f"{found.owner} {found.mode}",
                after=f"{_OWNER} {wanted.mode}",
            ),
        )
    return ()
