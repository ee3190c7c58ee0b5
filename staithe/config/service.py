"""The engine's services."""

from __future__ import annotations

from pydantic import Field

from staithe.config.section import Section


class Service(Section):
    """How the engine's units run."""

    enabled: bool = Field(default=True, description="Start the engine at boot.")
    health_timeout_s: int = Field(
        default=90,
        ge=1,
        le=3600,
        description="How long the engine may take to answer after a start or restart, in seconds.",
    )
    watch_s: int = Field(
        default=12,
        ge=0,
        le=600,
        description="How long another engine in the place of one that ran must stay up or make way for it, "
        "in seconds; 0: it only has to answer.",
    )
