"""Who may use the engine without sudo."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from staithe.config.section import Section
from staithe.config.values import NAMES_LIMIT, text

UserName = Annotated[str, text("a user name such as deploy", r"[a-z_][a-z0-9_.-]*\$?", 32)]


class Users(Section):
    """Members of the docker group. Membership is as good as root on that host."""

    docker_group: tuple[UserName, ...] = Field(
        default=(),
        max_length=NAMES_LIMIT,
        description="Users that are made members of the docker group. Other members are left as they are.",
        examples=[["deploy"]],
    )
