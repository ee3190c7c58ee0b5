"""The file of a saved plan: written in one step for its owner alone, and read with one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from staithe import __version__
from staithe.errors import UsageError
from staithe.events import ErrorReport, PlanBasis
from staithe.result import HostResult
from staithe.saved_plan import (
    SavedHost,
    SavedPlan,
    check_place,
    check_settings,
    read_saved_plan,
    saved_hosts,
    write_saved_plan,
)

BASIS = PlanBasis(config={"engine.version": "a"}, bundle="b", state={})
PLAN = SavedPlan(
    staithe_version=__version__,
    run_id="r",
    inventory="inventory.py",
    salt="s",
    hosts={"h1": SavedHost(basis=BASIS, changes=[])},
)


def test_it_is_read_as_it_was_written_and_only_its_owner_may(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("older, and readable by all")
    path.chmod(0o644)
    write_saved_plan(path, PLAN)
    assert read_saved_plan(path) == PLAN
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def _text(**update: Any) -> str:
    return json.dumps({**PLAN.model_dump(mode="json"), **update})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_text(schema_version=2), "newer staithe"),
        (_text(staithe_version="0.0.1"), "another staithe"),
        (_text(hosts=None), "damaged"),
        (_text(colour=1), "damaged"),
        (_text()[:-9], "damaged"),
        ("[]", "damaged"),
        ("", "damaged"),
        ("\udcff", "damaged"),
    ],
)
def test_what_is_no_plan_of_this_staithe(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=words):
        read_saved_plan(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_saved_plan(tmp_path / "nothing")


def test_a_place_for_it(tmp_path: Path) -> None:
    check_place(tmp_path / "plan.json")
    for wrong in (tmp_path, tmp_path / "nowhere/plan.json"):
        with pytest.raises(UsageError, match="cannot be saved"):
            check_place(wrong)


def test_only_planned_hosts_are_saved() -> None:
    error = ErrorReport(code="E201", exit_code=1, message="no")
    hosts = [HostResult(host="h1"), HostResult(host="h2", error=error), HostResult(host="h3")]
    assert list(saved_hosts(hosts, {"h1": BASIS, "h2": BASIS})) == ["h1"]


def test_settings_with_a_password_are_not_saved() -> None:
    check_settings({"daemon": {"registry-mirrors": ["https://mirror.example.com"]}})
    with pytest.raises(UsageError, match="no secret"):
        check_settings({"daemon": {"proxies": {"http-proxy": "http://me:pass@proxy"}}})
