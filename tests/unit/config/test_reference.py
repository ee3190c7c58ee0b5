"""The reference and group_data/all.py are made from the models, and what they show is valid."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from staithe.config import Config
from staithe.config.group_file import group_file
from staithe.config.keys import keys_of
from staithe.config.reference import reference
from staithe.config.section import Section

_ROOT = Path(__file__).parents[3]


def test_docs_config_is_what_the_command_prints() -> None:
    assert (_ROOT / "docs/config.md").read_text(encoding="utf-8") == reference(), "run: make docs"


def test_group_data_all_is_what_the_generator_writes() -> None:
    assert (_ROOT / "inventories/group_data/all.py").read_text(encoding="utf-8") == group_file(), "run: make docs"


def _every_section(section: type[Section] = Config) -> list[type[Section]]:
    inner = [key.section for key in keys_of(section) if key.section is not None]
    return [section, *(found for one in inner for found in _every_section(one))]


@pytest.mark.parametrize("section", _every_section(), ids=lambda section: section.__name__)
def test_every_key_is_described_and_has_words_for_its_kind(section: type[Section]) -> None:
    for key in keys_of(section):
        assert key.description.endswith((".", ":")) or key.description.endswith("maxEntries."), key.name
        assert key.words, key.name
        assert f"`{key.name}`:" in reference() or key.section is not None


def _values() -> list[tuple[str, str, Any]]:
    """Return (section, key, value) of each line of the file, the commented ones uncommented one by one."""
    found = []
    for section in keys_of(Config):
        for key in keys_of(section.section) if section.section else ():
            found.append((section.name, key.name, key.default))
            if key.example is not None:
                found.append((section.name, key.name, key.example))
    return found


@pytest.mark.parametrize(("section", "key", "value"), _values(), ids=lambda value: str(value)[:30])
def test_every_default_and_example_is_valid_by_itself(section: str, key: str, value: Any) -> None:
    Config.from_layers([{section: {key: value}}], "example")


def test_all_lines_uncommented_are_python_and_valid_together() -> None:
    lines = group_file().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("engine = {"))
    # A commented key is `# "key": value,`, with deeper lines below it where the value is long.
    uncommented = [
        line.replace("# ", "", 1) if re.match(r' {4}# ("[^"]+": | {4}"|}),?', line) else line
        for line in lines[start:]
    ]
    data = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse("\n".join(uncommented)).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert set(data) == {"engine", "transfer", "trust", "kernel", "daemon", "service", "users", "images", "smoke"}
    config = Config.from_layers([data], "example")
    assert set(data["daemon"]) == {field.alias for field in type(config.daemon).model_fields.values()}
    assert config.kernel == Config().kernel
    assert config.service == Config().service
