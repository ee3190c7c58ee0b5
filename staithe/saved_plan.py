"""A plan in a file: what was read is what is done, or the host is refused. `plan --out`, `apply --plan`."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from staithe import __version__
from staithe.change import Change
from staithe.config.problems import masked
from staithe.errors import UsageError
from staithe.events import PlanBasis
from staithe.result import HostResult

SAVED_PLAN_SCHEMA = 1


class SavedHost(BaseModel):
    """The plan of one host, and what it rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    basis: PlanBasis
    changes: list[Change] = Field(description="In the order of work.")


class SavedPlan(BaseModel):
    """What `staithe plan --out FILE` writes. Holds no secret: addresses are masked, values stand as digests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    staithe_version: str
    run_id: str = Field(description="The run of `staithe plan` that made it.")
    inventory: str
    limit: list[str] = []
    only: list[str] | None = Field(default=None, description="Exact names, when it was made with --retry-failed.")
    settings: dict[str, Any] = Field(default={}, description="Of --set and --bundle.")
    deep: bool = False
    salt: str = Field(description="What the digests were made with.")
    hosts: dict[str, SavedHost] = Field(description="By name, in inventory order.")


def saved_hosts(hosts: Sequence[HostResult], bases: Mapping[str, PlanBasis]) -> dict[str, SavedHost]:
    """Return what is saved of a plan: the hosts that could be planned."""
    return {
        host.host: SavedHost(basis=bases[host.host], changes=host.changes)
        for host in hosts
        if host.host in bases and not host.problems and host.error is None
    }


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse to save settings with a password in them."""
    text = json.dumps(settings)
    if masked(text) != text:
        raise UsageError(
            "a value of --set holds a user name or password, and a saved plan holds no secret",
            hint="put it into the inventory's data instead",
        )


def check_place(path: Path) -> None:
    """Raise UsageError when no file can be written there."""
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        found = "a folder" if path.is_dir() else f"{path.parent} is no folder that can be written to"
        raise UsageError(
            "the plan cannot be saved", where=str(path), found=found, expected="a file in a folder of yours"
        )


def write_saved_plan(path: Path, plan: SavedPlan) -> None:
    """Write the file in one step, readable by its owner alone; raise UsageError."""
    name = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(plan.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise UsageError(f"the plan cannot be saved: {error.strerror}", where=str(path)) from error


def read_saved_plan(path: Path) -> SavedPlan:
    """Read the file; raise UsageError for what is damaged, or made by another staithe."""
    again = "staithe plan INVENTORY --out FILE   # with this staithe"
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read the plan: {error.strerror}", where=str(path), hint=again) from error
    except (ValueError, RecursionError) as error:
        raise UsageError("the saved plan is damaged", where=str(path), found=str(error), hint=again) from error
    found = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(found, int) and found > SAVED_PLAN_SCHEMA:
        expected = f"schema {SAVED_PLAN_SCHEMA}"
        raise UsageError(
            "a newer staithe saved this plan", where=str(path), found=f"schema {found}", expected=expected, hint=again
        )
    try:
        plan = SavedPlan.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        what = f"{'.'.join(str(part) for part in first['loc']) or 'the whole'}: {first['msg']}"
        raise UsageError(
            "this is no saved plan, or a damaged one", where=str(path), found=what, hint=again
        ) from error
    if plan.staithe_version != __version__:
        raise UsageError(
            "another staithe saved this plan",
            where=str(path),
            found=f"staithe {plan.staithe_version}",
            expected=f"staithe {__version__}",
            hint=again,
        )
    return plan
