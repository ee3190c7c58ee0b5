"""Who may use the engine without sudo."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from staithe.config.section import Section

UserName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]*\$?$", max_length=32)]


class Users(Section):
    """Members of the docker group. Membership is as good as root on that host."""

    docker_group: tuple[UserName, ...] = Field(
        default=(), description="Users that are members of the docker group. Others are left as they are."
    )
