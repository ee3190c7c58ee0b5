"""The pages: links lead somewhere, and the commands that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from staithe.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def _broken_links(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    return [target for target in targets if "://" not in target and not (page.parent / target).exists()]


def _unknown_commands(text: str) -> list[str]:
    """Return the `staithe ...` commands in code, inline or indented, that do not exist."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^ {4}(.+)$", text, re.MULTILINE)
    code += [line for block in re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    found = []
    for line in code:
        for words in re.findall(r"(?:^|\s|/)staithe ([a-z](?:[a-z-]*[a-z])?)(?: ([a-z]+))?", line):
            group = COMMANDS.get(words[0])
            inner = getattr(group, "commands", None)
            if group is None or (inner is not None and words[1] and words[1] not in inner):
                found.append(" ".join(words).strip())
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert _broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist(page: Path) -> None:
    assert _unknown_commands(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text", ["`staithe aply x`", "    staithe config chekc x", "```\n$ .venv/bin/staithe foo\n```"]
)
def test_an_unknown_command_is_seen(text: str) -> None:
    assert len(_unknown_commands(text)) == 1


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("[b](b.md) [c](https://example.com) [d](#part) [a](a.md)", encoding="utf-8")
    assert _broken_links(tmp_path / "a.md") == ["b.md"]
