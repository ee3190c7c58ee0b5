"""`staithe explain` and docs/errors.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from staithe import explain
from staithe.cli.app import app
from staithe.errors import UsageError, error_classes

_ROOT = Path(__file__).parents[3]


def test_docs_errors_is_what_the_command_prints() -> None:
    assert (_ROOT / "docs/errors.md").read_text(encoding="utf-8") == explain.markdown(), "run: make docs"


def test_every_class_of_the_tree_is_explained_with_what_to_do() -> None:
    known = {one.code: one for one in explain.explanations()}
    for cls in error_classes():
        assert known[cls.code].exit_code == cls.exit_code
        assert len(known[cls.code].text.split("\n\n")) >= 2, f"{cls.__name__}: cause and what to do, two paragraphs"


def test_codes_are_unique() -> None:
    codes = [one.code for one in explain.explanations()]
    assert len(codes) == len(set(codes))
    assert codes == sorted(codes)


@pytest.mark.parametrize("code", ["E203", "e203", "203", " E203 "])
def test_one_code(code: str) -> None:
    result = CliRunner().invoke(app, ["explain", code])
    assert result.exit_code == 0
    assert result.output.startswith("E203 HostKeyUnknown (exit code 1)\n\nThe SSH host key is not in known_hosts")


@pytest.mark.parametrize(("code", "near"), [("E2003", "E203"), ("E90", "E900"), ("disk full", "E")])
def test_an_unknown_code_names_the_nearest(code: str, near: str) -> None:
    result = CliRunner().invoke(app, ["explain", code])
    assert isinstance(result.exception, UsageError)
    assert (result.exception.hint or "").startswith(f"staithe explain {near}")


def test_without_a_code_all_are_listed_in_one_line_each() -> None:
    lines = CliRunner().invoke(app, ["explain"]).output.splitlines()
    assert [line[:4] for line in lines] == [one.code for one in explain.explanations()]
