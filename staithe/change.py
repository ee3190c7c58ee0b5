"""Change: one thing that a run will do, or did, on a host."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Component = Literal[
    "preflight",
    "kernel",
    "packages",
    "binaries",
    "units",
    "daemon",
    "service",
    "users",
    "images",
    "record",
    "smoke",
    "lock",
    "removal",
    "rollback",
]
Kind = Literal[
    "create", "update", "remove", "set", "load", "start", "stop", "restart", "reload", "enable", "add", "run"
]
Effect = Literal["none", "reload", "restart", "start"]


class Change(BaseModel):
    """One change, complete enough to be shown to a person and to be carried out."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    id: str = Field(description="Stable over runs: component:kind:target.")
    component: Component
    kind: Kind
    target: str = Field(description="What is changed: a path, a unit, a sysctl key, an image reference.")
    before: str | None = Field(default=None, description="Value or text now; None when there is none.")
    after: str | None = Field(default=None, description="Value or text afterwards.")
    reason: str = Field(description="Why, in a few words.")
    effect: Effect = Field(default="none", description="What it means for the engine.")
    containers: Literal["kept", "restarted", "left-behind", "ended", "none"] = Field(
        default="none",
        description="What it means for containers; left-behind: they and their images stay in the former store, "
        "ended: nothing starts them again, none: nothing.",
    )


def change(component: Component, kind: Kind, target: str, reason: str, **rest: object) -> Change:
    """Make a Change with its id."""
    return Change(
        id=f"{component}:{kind}:{target}",
        component=component,
        kind=kind,
        target=target,
        reason=reason,
        **rest,  # type: ignore[arg-type]
    )
