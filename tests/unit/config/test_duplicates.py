"""Keys that stand twice in one dictionary."""

from __future__ import annotations

from pathlib import Path

from staithe.config.duplicates import duplicate_keys


def _inventory(folder: Path, group_file: str) -> str:
    (folder / "group_data").mkdir()
    (folder / "group_data" / "all.py").write_text(group_file, encoding="utf-8")
    (folder / "hosts.py").write_text('hosts = ["web1"]\n', encoding="utf-8")
    return str(folder / "hosts.py")


def test_a_key_that_stands_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    inventory = _inventory(tmp_path, 'daemon = {\n    "debug": True,\n    "mtu": 1450,\n    "debug": False,\n}\n')
    (problem,) = duplicate_keys(inventory)
    assert problem.endswith(
        "all.py:4: 'debug' stands here and in line 2 of the same dictionary; only the last one counts"
    )


def test_the_same_key_in_two_dictionaries_is_fine(tmp_path: Path) -> None:
    assert (
        duplicate_keys(_inventory(tmp_path, 'engine = {"enabled": 1}\nsmoke = {"enabled": {"enabled": 2}}\n')) == []
    )


def test_what_is_no_file_or_no_python_is_left_to_the_loader(tmp_path: Path) -> None:
    assert duplicate_keys("web1,web2") == []
    assert duplicate_keys(_inventory(tmp_path, "daemon = {")) == []
