"""The runner protocol: what the runner tells. JSON lines, version 1; staithe/messages.py has what it is told.

Within version 1 fields and event types are only added, never renamed or taken away.
"""

# What events carry is taken from here too.
# ruff: noqa: PLC0414

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from staithe.change import Change
from staithe.event_data import CheckStatus as CheckStatus
from staithe.event_data import ErrorReport as ErrorReport
from staithe.event_data import Generation as Generation
from staithe.event_data import HostSummary as HostSummary
from staithe.event_data import Outcome as Outcome
from staithe.event_data import PlanBasis as PlanBasis
from staithe.event_data import PlanWarning as PlanWarning
from staithe.event_data import Problem as Problem
from staithe.event_data import SmokeCheck as SmokeCheck
from staithe.event_data import UsedBundle as UsedBundle

PROTOCOL_VERSION = 1


class Event(BaseModel):
    """What all events have."""

    # Built when it is used: a runner of a converged host tells seven of them.
    model_config = ConfigDict(frozen=True, populate_by_name=True, defer_build=True)

    schema_version: Literal[1] = 1
    run_id: str = ""
    seq: int = 0
    time: float = Field(default=0.0, description="Seconds since the epoch.")
    host: str | None = None
    component: str | None = None
    change_id: str | None = None


class RunStarted(Event):
    """The inventory is loaded; these hosts take part, in inventory order."""

    type: Literal["run_started"] = "run_started"
    hosts: list[str]
    places: list[int] = Field(default=[], description="Place of each host in the whole inventory; empty: as listed.")
    mode: str = Field(default="", description="preflight, plan, apply or smoke.")
    missing: list[str] = Field(default=[], description="Hosts that were asked for and are not in the inventory.")
    bundles: list[UsedBundle] = []


class RunRefused(Event):
    """The run ended before any host was asked: configuration, inventory or bundle."""

    type: Literal["run_refused"] = "run_refused"
    error: ErrorReport


class InventoryDescribed(Event):
    """The answer to mode `describe`: the data layers of each host, lowest priority first."""

    type: Literal["inventory_described"] = "inventory_described"
    hosts: list[dict[str, Any]]


class HostConnected(Event):
    """The SSH connection stands."""

    type: Literal["host_connected"] = "host_connected"
    seconds: float


class HostPlanned(Event):
    """What the host needs. Comes again when a stale state was probed again."""

    type: Literal["host_planned"] = "host_planned"
    summary: HostSummary
    changes: list[Change]
    warnings: list[PlanWarning] = []
    basis: PlanBasis | None = Field(default=None, description="What the plan rests on, when it is to be saved.")


class HostRefused(Event):
    """Preflight refused the host; all its problems."""

    type: Literal["host_refused"] = "host_refused"
    summary: HostSummary
    problems: list[Problem]


class Prepared(Event):
    """All hosts of this runner are planned; it waits for `proceed`."""

    type: Literal["prepared"] = "prepared"


class ChangeStarted(Event):
    """A change begins."""

    type: Literal["change_started"] = "change_started"


class HostRemains(Event):
    """What remove leaves on the host; told with the plan."""

    type: Literal["host_remains"] = "host_remains"
    remains: list[str]


class HostHistory(Event):
    """What was applied on the host, newest first."""

    type: Literal["host_history"] = "host_history"
    summary: HostSummary
    generations: list[Generation]


class ChangeDone(Event):
    """A change is done and holds."""

    type: Literal["change_done"] = "change_done"
    seconds: float


class UploadAsked(Event):
    """The host is to receive blobs, and waits for its turn; only when Start.uploads is set."""

    type: Literal["upload_asked"] = "upload_asked"


class UploadEnded(Event):
    """The host receives nothing now: its turn is over, or it waits no longer."""

    type: Literal["upload_ended"] = "upload_ended"


class Transferred(Event):
    """Bytes of a blob on their way."""

    type: Literal["transferred"] = "transferred"
    blob: str
    sent_bytes: int
    total_bytes: int


class BlobsWanted(Event):
    """The host lacks blobs that it is to pull from a relay, and waits until they are there."""

    type: Literal["blobs_wanted"] = "blobs_wanted"
    relay: str = Field(description="The host that serves them.")
    address: str | None = Field(default=None, description="The host's own, which the relay is to let in.")
    blobs: list[str] = Field(description="Digests.")


class BlobReady(Event):
    """A relay serves a blob to the host, or says why not."""

    type: Literal["blob_ready"] = "blob_ready"
    relay: str
    blob: str
    url: str = ""
    path: str = Field(default="", description="On the relay itself.")
    problem: str = Field(default="", description="Not empty: the relay has it not, and will not.")


class Pulling(Event):
    """The host pulls a blob over HTTP."""

    type: Literal["pulling"] = "pulling"
    blob: str
    total_bytes: int
    origin: str = Field(description='Such as "relay h1" or "registry registry.example.com/site".')


class Notice(Event):
    """Something worth knowing that stops nothing: the host gets blobs by another way than described."""

    type: Literal["notice"] = "notice"
    text: str


class Command(Event):
    """A command ran on the host. Secrets are masked; input is never part of it."""

    type: Literal["command"] = "command"
    what: str
    command: str
    exit_code: int
    seconds: float
    output: str


class SmokeChecked(Event):
    """A smoke check ended."""

    type: Literal["smoke_checked"] = "smoke_checked"
    check: SmokeCheck


class PackagesListed(Event):
    """What kind of host it is, and what it has installed (bundle base)."""

    type: Literal["packages_listed"] = "packages_listed"
    release: str = Field(description="Such as 9.4, or 9 where the host says no more.")
    arch: str
    kernel: str
    selinux_policy: str = Field(description="VERSION-RELEASE, or none.")
    packages: list[str] = Field(description="NEVRAs, sorted.")


class PackagesDumped(Event):
    """All that rpm says of the packages of one host of a kind (bundle base)."""

    type: Literal["packages_dumped"] = "packages_dumped"
    dump: str = Field(description="Base64 of what zlib packed; empty in the record of a run.")


class HostFailed(Event):
    """The host failed; what follows on it is not done."""

    type: Literal["host_failed"] = "host_failed"
    error: ErrorReport


class HostDone(Event):
    """Nothing more comes from this host."""

    type: Literal["host_done"] = "host_done"
    outcome: Outcome
    changed: list[str] = Field(default=[], description="Ids of the changes that were done.")
    not_done: list[str] = Field(default=[], description="Ids of planned changes that were not done.")
    seconds: float = Field(description="Of work: without the time that it waited for its turn.")


class SecretWanted(Event):
    """The inventory names a secret that a person must type; the runner waits for `secret`."""

    type: Literal["secret_wanted"] = "secret_wanted"
    prompt: str


class RunDone(Event):
    """Nothing more comes from this runner."""

    type: Literal["run_done"] = "run_done"


AnyEvent = Annotated[
    RunStarted
    | RunRefused
    | InventoryDescribed
    | HostConnected
    | HostPlanned
    | HostRefused
    | HostRemains
    | HostHistory
    | Prepared
    | ChangeStarted
    | ChangeDone
    | Transferred
    | UploadAsked
    | UploadEnded
    | BlobsWanted
    | BlobReady
    | Pulling
    | Notice
    | Command
    | SmokeChecked
    | PackagesListed
    | PackagesDumped
    | HostFailed
    | HostDone
    | SecretWanted
    | RunDone,
    Field(discriminator="type"),
]


@cache
def _adapter() -> TypeAdapter[AnyEvent]:
    return TypeAdapter(AnyEvent)


def read_event(line: str | bytes) -> AnyEvent:
    """Read one line of the protocol; raise pydantic.ValidationError when it is none."""
    return _adapter().validate_json(line)
