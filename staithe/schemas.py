"""The JSON schemas of everything that other programs read from staithe; docs/schemas/ holds them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from staithe.change import Change
from staithe.events import AnyEvent
from staithe.probe.state import HostState
from staithe.report.documents import (
    BasesDocument,
    BundleDiffDocument,
    BundleDocument,
    ConfigDocument,
    LabDocument,
    VersionsDocument,
)
from staithe.result import RunResult
from staithe.saved_plan import SavedPlan

_KINDS: dict[str, tuple[Any, str]] = {
    "bases": (BasesDocument, "What `staithe bundle base --json` prints."),
    "bundle": (BundleDocument, "What `staithe bundle show --json` prints."),
    "bundle-diff": (BundleDiffDocument, "What `staithe bundle diff --json` prints."),
    "config": (ConfigDocument, "What `staithe config show --json` prints."),
    "event": (AnyEvent, "A line of events.jsonl in a run directory, and of `staithe logs --json`."),
    "host-state": (HostState, "What the probe finds on a host."),
    "lab": (LabDocument, "What `staithe lab status --json` prints."),
    "plan": (list[Change], "The changes of one host, in the order of work."),
    "saved-plan": (SavedPlan, "What `staithe plan --out FILE` writes and `staithe apply --plan FILE` carries out."),
    "summary": (RunResult, "What plan, apply, preflight, smoke and status print with --json; summary.json."),
    "versions": (VersionsDocument, "What `staithe versions --json` prints."),
}


def schema_names() -> tuple[str, ...]:
    """Return the names of all schemas."""
    return tuple(_KINDS)


def schema(name: str) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a document."""
    kind, words = _KINDS[name]
    made = TypeAdapter(kind).json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"staithe {name}, version 1"}
    return {**made, **head, "description": words}


def schema_text(name: str) -> str:
    """Return the text of docs/schemas/NAME.json."""
    return json.dumps(schema(name), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def fields(name: str) -> list[str]:
    """Return every field of a document as DEFINITION.FIELD, those of the document itself as .FIELD."""
    made = schema(name)
    found = [f".{field}" for field in made.get("properties", {})]
    for definition, inner in made.get("$defs", {}).items():
        found += [f"{definition}.{field}" for field in inner.get("properties", {})]
    return sorted(found)
