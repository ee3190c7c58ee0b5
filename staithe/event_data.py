"""What events carry beside plain values."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["unchanged", "pending", "changed", "failed", "refused", "cancelled", "not-begun"]
CheckStatus = Literal["passed", "failed", "skipped"]


class ErrorReport(BaseModel):
    """A StaitheError as data."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    code: str
    exit_code: int
    message: str
    hint: str | None = None


class Problem(BaseModel):
    """One thing that preflight found on a host."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    code: str = Field(description="E301 and on; `staithe explain CODE`.")
    message: str
    found: str
    expected: str
    hint: str | None = None


class PlanWarning(BaseModel):
    """What a person should know before agreeing to a plan; it stops nothing."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    code: str = Field(description="W101 and on; `staithe explain CODE`.")
    text: str
    source: str = Field(description="Where it is told, or seen.")


class HostSummary(BaseModel):
    """What a person wants to know of a host at a glance."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    os: str = ""
    major: int = Field(default=0, description="The leading number of the release; 0 when there is none.")
    kernel: str = ""
    arch: str = ""
    engine_version: str | None = None
    engine_origin: str = "none"
    storage_driver: str | None = None
    cgroup: str | None = Field(default=None, description='Like "systemd v2"; from the engine when it runs.')
    health: Literal["healthy", "stopped", "not installed", "unhealthy"] = "not installed"
    containers_running: int | None = None


class PlanBasis(BaseModel):
    """What a plan rests on, as digests, so that one can tell later what has moved."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    config: dict[str, str] = Field(description="By dotted key.")
    bundle: str = Field(description="Of the bundle's index.json.")
    state: dict[str, str] = Field(description="By the part of the host's state that decisions look at.")


class SmokeCheck(BaseModel):
    """One smoke check: what it did, what it expected, what it saw, how long it took."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    did: str
    expected: str
    saw: str
    status: CheckStatus
    seconds: float


class UsedBundle(BaseModel):
    """A bundle that a run takes from, checked."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    path: str
    digest: str = Field(description="Of index.json.")
    name: str = ""
    serial: int | None = None
    signers: list[str] = Field(default=[], description="Who has signed it; empty: nobody whom the run asked for.")


class Generation(BaseModel):
    """One line of a host's history: what was applied, and when."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    generation: int
    applied_at: int = Field(description="Seconds since the epoch, by the host's clock.")
    run_id: str = ""
    engine_version: str = ""
    source: str = ""
    bundle: str = Field(default="", description="First digits of the bundle's digest.")
    daemon_json: str = Field(default="", description="First digits of the digest of daemon.json.")
    same_as: int | None = Field(default=None, description="The generation that a rollback brought back as this one.")
    kept: bool = Field(default=False, description="It can be gone back to, without a network.")
    current: bool = Field(default=False, description="It is the one in force.")
