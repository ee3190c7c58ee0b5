"""`staithe init`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner

from staithe.cli.app import app
from staithe.config.group_file import group_file
from staithe.errors import UsageError
from staithe.starter import Address, parse_address, write_starter


def _hosts(folder: Path) -> object:
    (group,) = (
        node
        for node in ast.parse((folder / "inventories/hosts.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
    )
    return ast.literal_eval(group.value)


def test_it_writes_the_inventory_the_group_data_and_the_ignore_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app,
        [
            "init",
            str(tmp_path / "site"),
            "--host",
            "root@10.0.0.5:2222",
            "--host",
            "deploy@web1",
            "--host",
            "[fd00::1]",
        ],
    )
    assert result.exit_code == 0, result.output
    folder = tmp_path / "site"
    assert _hosts(folder) == [
        ("10.0.0.5", {"ssh_user": "root", "ssh_port": 2222, "_sudo": False}),
        ("web1", {"ssh_user": "deploy"}),
        "fd00::1",
    ]
    assert (folder / "inventories/group_data/all.py").read_text(encoding="utf-8") == group_file()
    assert (folder / ".gitignore").read_text(encoding="utf-8").split("\n")[1::2] == [".staithe/", "bundle/"]
    for command in ("staithe config check", "staithe plan", "staithe apply"):
        assert f"{command} inventories/hosts.py" in result.output


def test_without_hosts_there_is_one_to_replace(tmp_path: Path) -> None:
    write_starter(tmp_path, [])
    assert _hosts(tmp_path) == [("web1.example.com", {"ssh_user": "root", "_sudo": False})]


def test_nothing_is_written_when_one_file_is_there(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"\.gitignore"):
        write_starter(tmp_path, [])
    assert [path.name for path in tmp_path.iterdir()] == [".gitignore"]


def test_nothing_stays_when_writing_breaks_off(tmp_path: Path) -> None:
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories/group_data").write_text("a file where a folder must be", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot write"):
        write_starter(tmp_path, [])
    assert not (tmp_path / "inventories/hosts.py").exists()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("web1", Address(None, "web1", None)),
        ("deploy@web1.example.com:22", Address("deploy", "web1.example.com", 22)),
        ("[fd00::1]:2222", Address(None, "fd00::1", 2222)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "-oProxyCommand=x", "root@", "@web1", "web1:0", "web1:99999", 'a", {}) #', "web1\n", "a b", "a@b@c"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="USER@"):
        parse_address(text)
