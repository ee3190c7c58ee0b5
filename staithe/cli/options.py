"""Arguments and options that several commands share."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from staithe.errors import UsageError

if TYPE_CHECKING:
    from staithe.result import Mode

Inventory = Annotated[
    str, typer.Argument(help="Inventory file, or USER@HOST[:PORT] (several with commas).", show_default=False)
]
OptionalInventory = Annotated[
    str | None, typer.Argument(help="Inventory file, or USER@HOST[:PORT] (several with commas).", show_default=False)
]
Limit = Annotated[
    list[str] | None,
    typer.Option("--limit", "-l", help="Only these hosts, groups, patterns like 'web*'; repeatable, or with commas."),
]
Parallel = Annotated[
    int, typer.Option("--parallel", "-p", min=0, help="Hosts at work at once; 0: 40, with --shards 40 in each.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A configuration value that wins, like engine.version=28.5.2."),
]
Bundle = Annotated[str | None, typer.Option("--bundle", help="Short for --set engine.bundle=BUNDLE.")]
AllowOlder = Annotated[
    bool,
    typer.Option(
        "--allow-older", help="Take a bundle with an older lock than was applied: --set trust.allow_older=true."
    ),
]
AcceptKeys = Annotated[
    bool, typer.Option("--accept-new-host-keys", help="Accept SSH host keys that known_hosts does not have.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout; messages go to stderr.")]
Deep = Annotated[bool, typer.Option("--deep", help="Hash the engine's programs again on the hosts.")]
RetryFailed = Annotated[
    str | None,
    typer.Option(
        "--retry-failed",
        metavar="RUN",
        help="Only hosts of RUN (an id, its beginning, `last`) that failed, were refused, stopped or not reached.",
    ),
]
Shards = Annotated[int, typer.Option("--shards", min=1, help="Processes to spread the hosts over (large fleets).")]


def require_answer(does: str, command: str, *, yes: bool, as_json: bool) -> None:
    """Raise UsageError when a question is to come and nobody is there to answer it.

    `does`: what is asked about, as in "apply asks before it changes hosts"; `command` is the same without a question.
    """
    if not yes and (as_json or sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError(f"{does}, and here is nobody to ask", hint=command)


def read_retry(run: str | None, mode: Mode, *, as_json: bool) -> list[str] | None:
    """Return the hosts of an earlier run that are to be tried again; None for all. Ends when none is left."""
    if run is None:
        return None
    from staithe.result import RunResult
    from staithe.retry import hosts_to_retry, run_to_retry

    folder = run_to_retry(run, mode)
    hosts = hosts_to_retry(folder)
    if not hosts:
        typer.echo(f"nothing to retry: every host of run {folder.name} came to a good end", err=as_json)
        if as_json:
            typer.echo(RunResult(run_id="", mode=mode).model_dump_json(indent=1))
        raise typer.Exit
    return hosts


def read_settings(settings: list[str] | None, bundle: str | None, *, allow_older: bool = False) -> dict[str, Any]:
    """Turn KEY=VALUE texts into a configuration layer. A value is JSON, but text where text belongs."""
    given = list(settings or [])
    if allow_older:
        given.append("trust.allow_older=true")
    if bundle:
        given.append(f"engine.bundle={json.dumps(bundle)}")
    if not given:
        return {}
    from staithe.config.setting import path_of, value_of

    layer: dict[str, Any] = {}
    for one in given:
        key, equals, text = one.partition("=")
        if not equals or not all(key.split(".")):
            raise UsageError(f"--set {one} is not KEY=VALUE", hint="--set engine.version=28.5.2")
        (*sections, name), kind = path_of(key)
        _check_section(one, (sections or [name])[0])
        at = layer
        for section in sections:
            at = at.setdefault(section, {})
            if not isinstance(at, dict):
                raise UsageError(f"--set {one}: {section} was given a value before")
        at[name] = value_of(text, kind)
    return layer


def _check_section(given: str, section: str) -> None:
    """Refuse a section that nobody reads: in an inventory such a name may be the user's own, here it is a mistake."""
    from staithe.config.problems import near
    from staithe.config.root import section_names

    names = sorted(section_names())
    if section not in names:
        closest = near(section, names)
        raise UsageError(
            f"--set {given}: staithe has no section {section!r}" + (f"; did you mean {closest}?" if closest else ""),
            expected=", ".join(names),
            hint="staithe config docs",
        )
