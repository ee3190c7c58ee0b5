"""`staithe versions`: which engine versions there are, and which one each host has."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli import options
from staithe.errors import UsageError

if TYPE_CHECKING:
    from staithe.described_repositories import AskedRepository
    from staithe.result import RunResult
    from staithe.secret import Vault


Repo = Annotated[
    str | None,
    typer.Option(
        "--repo",
        metavar="URL",
        help="Address or folder of a package repository; $releasever and $basearch are filled in.",
        show_default=False,
    ),
]
Mirror = Annotated[
    str | None,
    typer.Option(
        "--mirror",
        help="Which mirror of Docker's own repository: official, aliyun, tuna, ... Without: as the inventory "
        "describes (engine.repository), else official.",
        show_default=False,
    ),
]
Channel = Annotated[
    str | None,
    typer.Option("--channel", help="stable or test. Without: as described, else stable.", show_default=False),
]
Majors = Annotated[
    list[int] | None,
    typer.Option(
        "--el", metavar="MAJOR", help="For this release of EL; repeatable. Without: 8, 9, 10, or the hosts' own."
    ),
]
Archs = Annotated[
    list[str] | None,
    typer.Option("--arch", help="x86_64 or aarch64; repeatable. Without: x86_64, or the hosts'."),
]
Everything = Annotated[bool, typer.Option("--all", help="All versions, not only the newest 15.")]


def versions(
    inventory: options.OptionalInventory = None,
    repo: Repo = None,
    mirror: Mirror = None,
    channel: Channel = None,
    majors: Majors = None,
    archs: Archs = None,
    everything: Everything = False,
    limit: options.Limit = None,
    parallel: options.Parallel = 0,
    accept_new_host_keys: options.AcceptKeys = False,
    as_json: options.Json = False,
) -> None:
    """List the engine versions that a package repository offers, newest first, and what each host has.

    With an inventory the repositories are those that its hosts are described to install from (engine.repository, with
    login, proxy and key); --repo and --mirror go before that. Changes nothing. This machine asks the repositories,
    not the hosts.

    Exit codes: 0, 1 a host cannot be asked, 2 wrong usage or configuration, 5 a repository cannot be read.
    """
    from staithe.cli.bundle.progress import downloading
    from staithe.offered_versions import offered
    from staithe.report.console import print_document
    from staithe.report.versions import print_versions
    from staithe.secret import Vault, ask_secret

    vault = Vault(lambda prompt: ask_secret(prompt) or "")
    _check_channel(channel)
    _check(majors or (), archs or ())
    if inventory is None or repo is not None or mirror is not None:
        repositories: tuple[AskedRepository, ...] = (_named(repo, mirror or "official", channel or "stable"),)
    else:
        repositories = _described(inventory, limit, channel, vault)
    result = None
    if inventory is not None:
        result = _asked(inventory, limit or [], parallel, accept_new_host_keys, as_json)
    with downloading() as (downloader, say):
        document = offered(
            repositories, downloader, result, majors=majors or (), archs=archs or (), say=say, mask=vault.mask
        )
    if as_json:
        print_document(document.model_dump_json(indent=1))
    else:
        print_versions(document, everything=everything)
    sys.exit(document.exit_code)


def _check_channel(channel: str | None) -> None:
    if channel not in ("stable", "test", None):
        gone = "; nightly and edge exist no longer" if channel in ("nightly", "edge") else ""
        raise UsageError(
            f"there is no such channel{gone}", where="--channel", found=channel, expected="stable or test"
        )


def _named(repo: str | None, mirror: str, channel: str) -> AskedRepository:
    from staithe.described_repositories import AskedRepository, named
    from staithe.sourcing.presets import DOCKER_MIRRORS

    if repo is not None:
        _check_repository(repo)
        return AskedRepository(repo)
    if mirror not in DOCKER_MIRRORS:
        raise UsageError(
            "no such mirror is known",
            where="--mirror",
            found=mirror,
            expected=", ".join(DOCKER_MIRRORS),
            hint="staithe versions --repo URL   # any other",
        )
    return named(mirror, channel)


def _described(
    inventory: str, limit: list[str] | None, channel: str | None, vault: Vault
) -> tuple[AskedRepository, ...]:
    """Return the repositories of the inventory's hosts; of secrets only theirs are asked for."""
    from staithe.config import configs_for
    from staithe.described_repositories import described
    from staithe.errors import ConfigError
    from staithe.fleet import describe_inventory

    layers = {
        host.name: [vault.resolve({"engine": data["engine"]}) for _, data in host.layers if "engine" in data]
        for host in describe_inventory(inventory, limit)
    }
    try:
        return described(configs_for(layers), channel=channel)
    except ConfigError as error:
        raise ConfigError([vault.mask(problem) for problem in error.problems], hint=error.hint) from None


def _check_repository(repo: str) -> None:
    """Refuse what is neither an address nor a path; and logins, which a list of processes and a log would show."""
    scheme, mark, rest = repo.partition("://")
    server = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if not mark or scheme == "file":
        return
    # What is found is not told where it may be a password: u:sek/ret@host has its @ further on.
    has_login = "@" in server or ("@" in rest and re.search(r":(?!\d*$)[^\]]*$", server) is not None)
    if has_login:
        raise UsageError(
            "a login in an address is seen in the list of processes; bundle.toml takes one",
            where="--repo",
            found=f"{scheme}://***@{rest.rpartition('@')[2]}",
            expected="an address without a login",
            hint="staithe bundle lock   # with username and password below its [[repository]] in bundle.toml",
        )
    if scheme not in ("http", "https"):
        raise UsageError(
            "such addresses are not known", where="--repo", found=repo, expected="https://..., http://... or a path"
        )


def _check(majors: list[int] | tuple[()], archs: list[str] | tuple[()]) -> None:
    from staithe.support_matrix import ARCHITECTURES, RELEASES

    for option, given, known in (("--el", majors, RELEASES), ("--arch", archs, ARCHITECTURES)):
        wrong = [str(one) for one in given if one not in known]
        if wrong:
            expected = ", ".join(map(str, sorted(known)))
            raise UsageError("staithe knows no such hosts", where=option, found=", ".join(wrong), expected=expected)


def _asked(inventory: str, limit: list[str], parallel: int, accept_new_host_keys: bool, as_json: bool) -> RunResult:
    from staithe.report.console import console_for
    from staithe.run import Run

    run = Run("look", inventory, limit=limit, parallel=parallel, accept_new_host_keys=accept_new_host_keys)
    if as_json:
        # What stdout has is this command's own document.
        run.console = console_for(stderr=True)
    return run.go(show_summary=False)
