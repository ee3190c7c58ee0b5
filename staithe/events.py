"""The runner protocol: what the runner tells. JSON lines, version 1; staithe/messages.py has what it is told.

Within version 1 fields and event types are only added, never renamed or taken away.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from staithe.change import Change

PROTOCOL_VERSION = 1

Outcome = Literal["unchanged", "pending", "changed", "failed", "refused", "cancelled", "not-begun"]
CheckStatus = Literal["passed", "failed", "skipped"]


class ErrorReport(BaseModel):
    """A StaitheError as data."""

    model_config = ConfigDict(frozen=True)

    code: str
    exit_code: int
    message: str
    hint: str | None = None


class Problem(BaseModel):
    """One thing that preflight found on a host."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="E301 and on; `staithe explain CODE`.")
    message: str
    found: str
    expected: str
    hint: str | None = None


class HostSummary(BaseModel):
    """What a person wants to know of a host at a glance."""

    model_config = ConfigDict(frozen=True)

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

    model_config = ConfigDict(frozen=True)

    config: dict[str, str] = Field(description="By dotted key.")
    bundle: str = Field(description="Of the bundle's index.json.")
    state: dict[str, str] = Field(description="By the part of the host's state that decisions look at.")


class SmokeCheck(BaseModel):
    """One smoke check: what it did, what it expected, what it saw, how long it took."""

    model_config = ConfigDict(frozen=True)

    name: str
    did: str
    expected: str
    saw: str
    status: CheckStatus
    seconds: float


class Event(BaseModel):
    """What all events have."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_version: Literal[1] = 1
    run_id: str = ""
    seq: int = 0
    time: float = Field(default=0.0, description="Seconds since the epoch.")
    host: str | None = None
    component: str | None = None
    change_id: str | None = None


class UsedBundle(BaseModel):
    """A bundle that a run takes from, checked."""

    model_config = ConfigDict(frozen=True)

    path: str
    digest: str = Field(description="Of index.json.")
    name: str = ""
    serial: int | None = None
    signers: list[str] = Field(default=[], description="Who has signed it; empty: nobody whom the run asked for.")


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
    | Prepared
    | ChangeStarted
    | ChangeDone
    | Transferred
    | UploadAsked
    | UploadEnded
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

_ADAPTER: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def read_event(line: str | bytes) -> AnyEvent:
    """Read one line of the protocol; raise pydantic.ValidationError when it is none."""
    return _ADAPTER.validate_json(line)
