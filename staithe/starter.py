"""The files of a new project: an inventory, its group_data and a .gitignore."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from staithe.errors import UsageError

INVENTORY = "inventories/hosts.py"
GROUP_FILE = "inventories/group_data/all.py"
IGNORE_FILE = ".gitignore"

_IGNORED = "# Records of runs and the lab.\n.staithe/\n# Bundles are built again from what describes them.\nbundle/\n"
_ADDRESS = re.compile(
    r"((?P<user>[A-Za-z_][A-Za-z0-9_.-]*)@)?"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9_.-]*|\[[0-9a-fA-F:]+\])"
    r"(:(?P<port>[0-9]{1,5}))?"
)
_PLACEHOLDER = "root@web1.example.com"


@dataclass(frozen=True)
class Address:
    """How a host is reached."""

    user: str | None
    host: str
    port: int | None


def parse_address(text: str) -> Address:
    """Read [USER@]HOST[:PORT]; an IPv6 address stands in brackets."""
    match = _ADDRESS.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or port == 0 or (port or 1) > 65535:
        raise UsageError("this is not a host", found=repr(text), expected="[USER@]HOST[:PORT]", where="--host")
    return Address(match["user"], match["host"].strip("[]"), port)


def starter_files(addresses: Sequence[Address]) -> dict[str, str]:
    """Return the text of each file of a new project, by its path."""
    from staithe.config.group_file import group_file

    return {INVENTORY: _inventory(addresses), GROUP_FILE: group_file(), IGNORE_FILE: _IGNORED}


def write_starter(folder: Path, addresses: Sequence[Address]) -> list[Path]:
    """Write a new project into `folder`. Raise UsageError, and write nothing, when one of its files is there."""
    files = {folder / path: text for path, text in starter_files(addresses).items()}
    there = [str(path) for path in files if os.path.lexists(path)]
    if there:
        raise UsageError(
            "these files are there already, and are left as they are: " + ", ".join(there),
            hint="staithe init OTHER_FOLDER",
        )
    written: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
    return written


def _inventory(addresses: Sequence[Address]) -> str:
    head = (
        '"""The hosts. A list is a group; a host is a name or (name, {its own data}).\n\n'
        "What holds for all of them stands in group_data/all.py, what holds for a group in group_data/GROUP.py.\n"
        '"""\n\n'
    )
    if not addresses:
        head += (
            "# Put your own hosts here. The names are what ssh would take; sections of the configuration go beside\n"
        )
        head += '# the ssh settings: {"ssh_user": "root", "engine": {"version": "28.5.2"}}.\n'
    lines = [_host_line(address) for address in addresses or [parse_address(_PLACEHOLDER)]]
    return head + "docker_hosts = [\n" + "".join(f"    {line},\n" for line in lines) + "]\n"


def _host_line(address: Address) -> str:
    # The text was checked by parse_address: nothing in it needs escaping.
    data = []
    if address.user:
        data.append(f'"ssh_user": "{address.user}"')
    if address.port:
        data.append(f'"ssh_port": {address.port}')
    if address.user == "root":
        data.append('"_sudo": False')
    return f'("{address.host}", {{{", ".join(data)}}})' if data else f'"{address.host}"'
