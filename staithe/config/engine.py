"""Where the engine comes from and which version it is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from staithe.config.section import Section
from staithe.config.values import LocalPath, Version


class Engine(Section):
    """The container engine: its source and version."""

    source: Literal["static-bundle"] = Field(
        default="static-bundle", description="Where the engine comes from. This version knows static-bundle."
    )
    bundle: LocalPath | None = Field(
        default=None,
        description="Folder or .tar of the bundle (`staithe bundle build`). A relative path starts at the folder "
        "that staithe is called in.",
        examples=["./bundle"],
    )
    version: Version | None = Field(
        default=None,
        description="Exact engine version. None: the only one in the bundle.",
        examples=["28.5.2"],
    )
