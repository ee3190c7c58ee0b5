"""Members of the docker group."""

from __future__ import annotations

from staithe.change import Change, change
from staithe.config import Config
from staithe.probe.state import HostState


def changes(state: HostState, config: Config) -> tuple[Change, ...]:
    """Return who has to be added. Members that nobody asked for are left as they are."""
    return tuple(
        change("users", "add", f"{user} to group docker", "not a member")
        for user in config.users.docker_group
        if user not in state.docker_group.members
    )
