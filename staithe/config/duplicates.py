"""Keys that stand twice in one dictionary of an inventory's files: Python keeps the last one and says nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def files_of(inventory: str) -> list[Path]:
    """Return the Python files that make up an inventory: itself and the group_data beside it."""
    path = Path(inventory)
    if not path.is_file():
        return []
    return [path, *sorted((path.parent / "group_data").glob("*.py"))]


def duplicate_keys(inventory: str) -> list[str]:
    """Return one line for each key that is written twice in the same dictionary."""
    return [problem for path in files_of(inventory) for problem in _in_file(path)]


def _in_file(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        # Loading the inventory says what is wrong with the file.
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from _in_dictionary(path, node)


def _in_dictionary(path: Path, node: ast.Dict) -> Iterator[str]:
    first_line: dict[object, int] = {}
    for key in node.keys:
        if not isinstance(key, ast.Constant):
            continue
        if key.value in first_line:
            yield (
                f"{path}:{key.lineno}: {key.value!r} stands here and in line {first_line[key.value]} of the same "
                "dictionary; only the last one counts"
            )
        first_line.setdefault(key.value, key.lineno)
