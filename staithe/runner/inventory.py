"""Loads an inventory as the pyinfra command would, with one clear error for whatever is wrong with it."""

from __future__ import annotations

import re
import traceback
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra_cli.exceptions import CliError, UnexpectedExternalError
from pyinfra_cli.inventory import make_inventory, make_inventory_from_files

from staithe.config.layers import known_only, layers_of
from staithe.config.root import section_names
from staithe.errors import InventoryError, SecretMissing
from staithe.secret import Vault
from staithe.shell import word
from staithe.ssh import fast_transport

_ADDRESS = re.compile(r"^(?:(?P<user>[^@/\s]+)@)?(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>\d+))?$")


def load_inventory(source: str) -> Inventory:
    """Return the inventory of a file, or of USER@HOST[:PORT] addresses with commas between them."""
    inventory: Inventory
    try:
        if source.endswith(".py") or Path(source).is_file():
            if not Path(source).is_file():
                raise InventoryError(
                    "no such inventory", where=source, hint="staithe init   # writes one to start from"
                )
            inventory = make_inventory(source, cwd=str(Path.cwd()))
        elif source.startswith("@"):
            inventory = make_inventory(source, cwd=str(Path.cwd()))
        else:
            inventory = _from_addresses(source)
    except InventoryError:
        raise
    except SyntaxError as error:
        raise InventoryError(
            f"not valid Python: {error.msg}",
            where=f"{error.filename}:{error.lineno}" if error.filename else source,
            hint=f"python3 -m py_compile {word(source)}",
        ) from error
    except UnexpectedExternalError as error:
        raise _from_user_code(error, source) from error
    except (PyinfraError, CliError, OSError, UnicodeDecodeError) as error:
        raise InventoryError(str(error) or type(error).__name__, where=source) from error
    except (Exception, SystemExit) as error:
        # An inventory is a program: whatever it does wrong, or makes pyinfra do, is one clear error.
        raise InventoryError(f"cannot be loaded: {type(error).__name__}: {error}", where=source) from error
    _check_names(inventory, source)
    if not len(inventory):
        raise InventoryError(
            "the inventory names no host",
            where=source,
            expected="a list of hosts, like: hosts = ['web1', 'web2']",
            hint="staithe init   # writes one to start from",
        )
    _set_defaults(inventory)
    return inventory


def _check_names(inventory: Inventory, source: str) -> None:
    for what, name in [("host", host.name) for host in inventory] + [
        ("group", str(name)) for name in inventory.groups
    ]:
        if not name.isprintable() or (what == "host" and name.startswith("-")) or len(name) > 255:
            raise InventoryError(
                f"a {what} has a name that cannot be shown or typed",
                where=source,
                found=ascii(name[:80]),
                expected="at most 255 characters on one line that do not begin with a dash",
                hint=f"correct the name in {word(source)}",
            )


def _from_user_code(error: UnexpectedExternalError, source: str) -> InventoryError:
    cause = error.exception
    if isinstance(cause, InventoryError):
        return cause
    if isinstance(cause, SyntaxError):
        return InventoryError(f"not valid Python: {cause.msg}", where=f"{cause.filename}:{cause.lineno}")
    frames = [f for f in traceback.extract_tb(cause.__traceback__) if f.filename == error.filename]
    line = f":{frames[-1].lineno}" if frames else ""
    return InventoryError(f"{type(cause).__name__}: {cause}", where=f"{error.filename or source}{line}")


def _from_addresses(source: str) -> Inventory:
    data: dict[str, dict[str, Any]] = {}
    for address in source.split(","):
        found = _ADDRESS.match(address.strip())
        if not found:
            raise InventoryError(
                "neither an inventory file nor an address",
                where=source,
                expected="FILE.py, HOST, or USER@HOST[:PORT]",
            )
        host = found["host"].strip("[]")
        given = {"ssh_user": found["user"], "ssh_port": int(found["port"]) if found["port"] else None}
        data[host] = {key: value for key, value in given.items() if value is not None}
    inventory: Inventory = make_inventory_from_files(",".join(data), cwd=str(Path.cwd()))
    for host, given in data.items():
        inventory.host_data[host].update(given)
        if given.get("ssh_user") == "root":
            inventory.host_data[host].setdefault("_sudo", False)
    return inventory


def _set_defaults(inventory: Inventory) -> None:
    """Add what every staithe run wants and no inventory has to say; what the inventory says wins."""
    for key, value in {
        "_sudo": True,
        "ssh_strict_host_key_checking": "yes",
        "ssh_paramiko_connect_kwargs": {"transport_factory": fast_transport},
    }.items():
        inventory.data.setdefault(key, value)


def limited(inventory: Inventory, limit: list[str]) -> list[Host]:
    """Return the hosts that the names, groups or patterns in `limit` leave, in inventory order.

    Each text of `limit` may hold several, between commas. Raise InventoryError for one that fits none.
    """
    hosts = list(inventory)
    if not limit:
        return hosts
    chosen: set[str] = set()
    for one in (part.strip(" ") for text in limit for part in text.split(",")):
        found = {host.name for host in hosts if fnmatchcase(host.name, one) or one in host.groups}
        if not found:
            known = ", ".join(host.name for host in hosts[:10])
            raise InventoryError(
                f"--limit {one} fits no host or group", found=known, expected="a name, group or pattern"
            )
        chosen |= found
    return [host for host in hosts if host.name in chosen]


def chosen(inventory: Inventory, limit: list[str], names: list[str] | None) -> tuple[list[Host], list[str]]:
    """Return the hosts that `limit` and the exact `names` leave, and those names that the inventory does not have.

    Raise InventoryError when it has none of them.
    """
    hosts = limited(inventory, limit)
    if names is None:
        return hosts, []
    known = {host.name for host in inventory}
    missing = [name for name in names if name not in known]
    if names and len(missing) == len(names):
        raise InventoryError("the inventory has none of these hosts any longer", found=", ".join(missing))
    found = [host for host in hosts if host.name in set(names)]
    if not found:
        raise InventoryError(f"--limit {' '.join(limit)} leaves none of these hosts", found=", ".join(names))
    return found, missing


def reveal_secrets(inventory: Inventory, hosts: list[Host], vault: Vault) -> None:
    """Put the values of secrets in the place of their names, in all data of these hosts."""
    names = section_names()
    groups = {group for host in hosts for group in host.groups}
    datas = [
        (f"group {group}", inventory.group_data[group]) for group in sorted(groups) if group in inventory.group_data
    ]
    datas += [("group data all", inventory.data), ("--data", inventory.override_data)]
    datas += [(host.name, inventory.host_data[host.name]) for host in hosts if host.name in inventory.host_data]
    for origin, data in datas:
        try:
            vault.resolve_in(data, names)
        except SecretMissing as error:
            error.where = f"{origin}: {error.where}"
            raise


def describe(hosts: list[Host]) -> list[dict[str, Any]]:
    """Return each host's data layers, lowest priority first.

    Of what is no section only the names of dictionaries go out (it may be a section misspelled): its value may be a
    secret.
    """
    names = section_names()
    described = []
    for host in hosts:
        layers = [[origin, known_only(data, names)] for origin, data in layers_of(host.data)]
        described.append({"name": host.name, "groups": list(host.groups), "layers": [p for p in layers if p[1]]})
    return described
