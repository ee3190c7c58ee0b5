"""Images that every host has from the start."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from staithe.config.section import Section


class Images(Section):
    """Which images of the bundle are loaded on the host."""

    load: Literal["all"] | tuple[str, ...] = Field(
        default="all",
        description='"all" images of the bundle that fit the host\'s architecture, or a list of their references.',
        examples=[["staithe/smoke:1"]],
    )
