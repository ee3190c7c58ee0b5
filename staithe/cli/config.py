"""`staithe config`: look at the described state without asking any host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli.options import Inventory, Json, Limit, Settings, read_settings

if TYPE_CHECKING:
    from staithe.config import Config
    from staithe.fleet import HostDescription
    from staithe.secret import Vault

app = typer.Typer(help="Check, show and explain the configuration.", no_args_is_help=True)


@app.command("check")
def check(inventory: Inventory, limit: Limit = None, settings: Settings = None) -> None:
    """Tell every mistake in the configuration, with its host and path."""
    from staithe.config.duplicates import duplicate_keys
    from staithe.errors import ConfigError

    hosts, vault = _revealed(_hosts(inventory, limit, settings))
    problems = duplicate_keys(inventory)
    try:
        _configs(hosts)
    except ConfigError as error:
        problems += [vault.mask(problem) for problem in error.problems]
    if problems:
        raise ConfigError(problems, hint="staithe config docs")
    typer.echo(f"{inventory}: the configuration of {len(hosts)} {'host' if len(hosts) == 1 else 'hosts'} is valid")


@app.command("show", short_help="Print what holds for each host, and where it comes from.")
def show(
    inventory: Inventory,
    host: Annotated[str | None, typer.Argument(help="One host; without it, all.")] = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Print what holds for each host, and which layer each value comes from."""
    from staithe.config.effective import effective_values
    from staithe.config.reference import literal
    from staithe.errors import ConfigError

    hosts, vault = _revealed(_hosts(inventory, [host] if host else None, settings))
    try:
        configs = _configs(hosts)
    except ConfigError as error:
        raise ConfigError([vault.mask(problem) for problem in error.problems], hint=error.hint) from None
    values = {one.name: effective_values(configs[one.name], one.layers) for one in hosts}
    if as_json:
        document = {
            "schema_version": 1,
            "hosts": {
                one.name: {
                    "groups": list(one.groups),
                    "values": {
                        item.path: {"value": vault.mask_values(item.value), "origin": item.origin}
                        for item in values[one.name]
                    },
                }
                for one in hosts
            },
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for one in hosts:
        typer.secho(one.name, bold=True)
        for item in values[one.name]:
            typer.echo(f"  {item.path} = {literal(vault.mask_values(item.value))}  [{item.origin}]")


@app.command("docs")
def docs(
    group_data: Annotated[
        bool, typer.Option("--group-data", help="Print a commented group_data/all.py instead.")
    ] = False,
) -> None:
    """Print the reference of every key (the same as docs/config.md)."""
    from staithe.config.group_file import group_file
    from staithe.config.reference import reference

    typer.echo(group_file() if group_data else reference(), nl=False)


def _configs(hosts: list[HostDescription]) -> dict[str, Config]:
    from staithe.config import configs_for

    return configs_for({host.name: [data for _, data in host.layers] for host in hosts})


def _revealed(hosts: list[HostDescription]) -> tuple[list[HostDescription], Vault]:
    """Return the hosts with the values of secrets in place, and what keeps these out of what is printed."""
    from dataclasses import replace

    from staithe.secret import Vault, ask_secret

    vault = Vault(lambda prompt: ask_secret(prompt) or "")
    return [
        replace(host, layers=tuple((origin, vault.resolve(data)) for origin, data in host.layers)) for host in hosts
    ], vault


def _hosts(inventory: str, limit: list[str] | None, settings: list[str] | None) -> list[HostDescription]:
    from dataclasses import replace

    from staithe.fleet import describe_inventory

    hosts = describe_inventory(inventory, limit)
    given = read_settings(settings, None)
    return [replace(host, layers=(*host.layers, ("--set", given))) for host in hosts] if given else hosts
