"""The committed schemas are those of the code, only grow within version 1, and hold for what the commands print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from staithe import schemas
from staithe.cli.app import app
from staithe.lab import places
from staithe.lab.state import Host, Lab, Process, Registry
from staithe.probe.parse import parse
from tests.archives import build_bundle
from tests.fake_site import FakeSite

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/schemas"
ANSWERS = sorted((ROOT / "tests/unit/probe/answers").glob("*.txt"))
FIELDS = [
    line for line in (ROOT / "tests/unit/fields-v1.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"
]


def check(name: str, document: Any) -> None:
    committed = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(committed).validate(document)


@pytest.mark.parametrize("name", schemas.schema_names())
def test_committed_schema_is_the_code_s(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == schemas.schema_text(name), "run: make docs"
    jsonschema.Draft202012Validator.check_schema(schemas.schema(name))


def test_nothing_else_is_committed() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.json" for name in schemas.schema_names()}


def test_fields_of_version_1_only_grow() -> None:
    now = {f"{name} {field}" for name in schemas.schema_names() for field in schemas.fields(name)}
    assert set(FIELDS) - now == set(), "readers count on these: a field may be added, not renamed or taken away"
    assert now - set(FIELDS) == set(), "new fields: add them to tests/unit/fields-v1.txt"


def test_the_command_prints_names_and_schemas() -> None:
    assert CliRunner().invoke(app, ["schema"]).output.split() == list(schemas.schema_names())
    assert CliRunner().invoke(app, ["schema", "plan"]).output == schemas.schema_text("plan")
    assert CliRunner().invoke(app, ["schema", "plans"]).exit_code != 0


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_a_host_as_recorded(path: Path) -> None:
    check("host-state", parse(path.read_text(encoding="utf-8")).to_json())


def test_fleet_commands(fake_site: FakeSite) -> None:
    """plan, status, preflight, apply and smoke, with hosts that go every way there is, and their run directories."""
    fake_site.add("h1", fake_site.bare())
    fake_site.add("h2", fake_site.converged())
    fake_site.add("h3", fake_site.bare().model_copy(update={"missing_commands": ("tar",)}))
    fake_site.add("h4", "rubbish\n")
    for command in ("plan", "status", "preflight", "apply --yes", "smoke"):
        done = fake_site.staithe(*command.split(), "inventory.py", "--json", code=1)
        check("summary", done.json)
        for host in done.json["hosts"]:
            check("plan", host["changes"])
    types = set()
    for path in fake_site.folder.glob(".staithe/runs/*/events.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            check("event", json.loads(line))
            types.add(json.loads(line)["type"])
    assert {"host_planned", "host_refused", "host_failed", "command", "smoke_checked", "change_started"} <= types


def test_a_run_that_is_refused_is_a_document_too(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.bare(), engine={"bundel": "x"})
    done = fake_site.staithe("plan", "inventory.py", "--json", code=2)
    check("summary", done.json)
    assert (done.json["exit_code"], done.json["error"]["code"]) == (2, "E101")
    assert "error E101" in done.err


def test_config_show(fake_site: FakeSite) -> None:
    fake_site.add("h1", fake_site.bare())
    check("config", fake_site.staithe("config", "show", "inventory.py", "--json").json)


def test_bundle_show_and_diff(small_bundle: Path, tmp_path: Path) -> None:
    check("bundle", json.loads(CliRunner().invoke(app, ["bundle", "show", str(small_bundle), "--json"]).output))
    other = str(build_bundle(tmp_path / "other", "28.5.3"))
    diff = json.loads(CliRunner().invoke(app, ["bundle", "diff", str(small_bundle), other, "--json"]).output)
    assert {one["kind"] for one in diff["differences"]} == {"added", "removed"}
    check("bundle-diff", diff)


def test_lab_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command prints the file as it is."""
    monkeypatch.setattr(places, "state_dir", lambda: tmp_path)
    process = Process(1, 2)
    lab = Lab("abc", "/somewhere", hosts={"h1": Host("h1", "10.0.0.2", "el9", "v2", process)})
    lab.registry = Registry("http://10.0.0.1:5000", ["library/x:1"], process)
    lab.save()
    check("lab", json.loads((tmp_path / "abc/lab.json").read_text()))


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("summary", {"run_id": "x", "mode": "plan", "colour": 1}),
        ("event", {"type": "nonsense"}),
        ("plan", [{"id": "x"}]),
        ("lab", {}),
    ],
)
def test_what_is_something_else_does_not_pass(name: str, document: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(name, document)
