"""The runner protocol: what the runner is told. JSON lines, version 1, as in staithe/events.py."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from staithe.events import BlobReady, BlobsWanted


class Message(BaseModel):
    """What all of them have: built when it is used."""

    model_config = ConfigDict(defer_build=True)


class Start(Message):
    """The first line that the runner is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["start"] = "start"
    protocol: Literal[1] = 1
    run_id: str
    mode: Literal[
        "describe", "preflight", "plan", "apply", "smoke", "unlock", "look", "remove", "base", "rollback", "history"
    ]
    inventory: str
    deploy: str = Field(default="deploy.py", description="Runbook, relative to the project root.")
    limit: list[str] = []
    hosts: list[str] | None = Field(default=None, description="Exact names: only these hosts (--retry-failed).")
    settings: dict[str, Any] = Field(default={}, description="Configuration that wins over the inventory's (--set).")
    parallel: int = Field(default=0, description="Hosts at work at once; 0: 40.")
    uploads: int = Field(
        default=0, description="Not 0: a host that has blobs to receive asks, and waits for `upload`."
    )
    accept_new_host_keys: bool = False
    deep: bool = False
    generation: int | None = Field(default=None, description="To go back to (rollback); none: the one before.")
    salt: str = Field(default="", description="When the plan is to be saved: what digests are made with.")
    plan: str | None = Field(default=None, description="File of a saved plan; what differs from it is refused.")
    agreed: bool = Field(
        default=False, description="A person agrees to the plan: a host that has changed by its turn is refused."
    )
    proceed: bool = Field(default=False, description="Do not wait between plan and execution.")
    shard: int = 0
    shards: int = 1


class SecretGiven(Message):
    """The answer to `secret_wanted`."""

    type: Literal["secret"] = "secret"
    prompt: str
    value: str = Field(repr=False)


class Proceed(Message):
    """Carry the plan out, on all hosts or on some; hosts of other runners may be among them."""

    type: Literal["proceed"] = "proceed"
    hosts: list[str] | None = None


class Upload(Message):
    """It is the turn of these hosts to receive blobs; hosts of other runners may be among them."""

    type: Literal["upload"] = "upload"
    hosts: list[str]


class RelayWanted(Message):
    """Hosts want blobs from a relay; for the runner that keeps it (staithe.events.BlobsWanted)."""

    type: Literal["relay_wanted"] = "relay_wanted"
    wanted: BlobsWanted


class RelayReady(Message):
    """A relay answers a host; the host may be another runner's (staithe.events.BlobReady)."""

    type: Literal["relay_ready"] = "relay_ready"
    ready: BlobReady


class RelayOver(Message):
    """No host needs a relay any longer, or the runner that kept it is gone."""

    type: Literal["relay_over"] = "relay_over"


class Halt(Message):
    """Let no further host begin; those at work finish whole."""

    type: Literal["halt"] = "halt"


class Cancel(Message):
    """Begin no further change; end when those at work are done."""

    type: Literal["cancel"] = "cancel"
