"""How the engine is proved by running containers."""

from __future__ import annotations

from pydantic import Field

from staithe.config.section import Section
from staithe.config.values import ImageReference


class Smoke(Section):
    """The smoke containers. They run where a run changed something, and with `staithe smoke`."""

    enabled: bool = Field(default=True, description="Run the smoke containers at the end of apply.")
    image: ImageReference = Field(
        default="staithe/smoke:1",
        description="Image of the smoke containers; has sh, sleep, cat, httpd as busybox has them.",
    )
    pull_image: ImageReference | None = Field(
        default=None,
        description="A docker.io image to pull through daemon.registry-mirrors. None: that check is skipped.",
        examples=["library/mirrored:1"],
    )
    published_port: int = Field(
        default=18888, ge=1, le=65535, description="Host port used by the published-port check, free on the hosts."
    )
    timeout_s: int = Field(default=60, ge=5, le=3600, description="Limit of each single check, in seconds.")
