"""`staithe versions`: which engine versions there are, and which one each host has."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli import options
from staithe.errors import UsageError

if TYPE_CHECKING:
    from staithe.report.documents import VersionsDocument
    from staithe.result import RunResult
    from staithe.sourcing.target import Target

_MAJORS = (8, 9, 10)


def versions(
    inventory: options.OptionalInventory = None,
    repo: Annotated[
        str | None,
        typer.Option(
            "--repo",
            metavar="URL",
            help="Address or folder of a package repository; $releasever and $basearch are filled in.",
            show_default=False,
        ),
    ] = None,
    mirror: Annotated[
        str, typer.Option("--mirror", help="Which mirror of Docker's own repository: official, aliyun, tuna, ...")
    ] = "official",
    channel: Annotated[str, typer.Option("--channel", help="stable or test.")] = "stable",
    majors: Annotated[
        list[int] | None,
        typer.Option(
            "--el", metavar="MAJOR", help="For this release of EL; repeatable. Without: 8, 9, 10, or the hosts' own."
        ),
    ] = None,
    archs: Annotated[
        list[str] | None,
        typer.Option("--arch", help="x86_64 or aarch64; repeatable. Without: x86_64, or the hosts'."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All versions, not only the newest 15.")] = False,
    limit: options.Limit = None,
    parallel: options.Parallel = 0,
    accept_new_host_keys: options.AcceptKeys = False,
    as_json: options.Json = False,
) -> None:
    """List the engine versions that a package repository offers, newest first, and what each host has.

    Changes nothing. This machine asks the repository, not the hosts. Exit codes: 0, 1 a host cannot be asked,
    5 the repository cannot be read.
    """
    from staithe.report.console import print_document
    from staithe.report.versions import print_versions

    address = _address(repo, mirror, channel)
    _check(majors or (), archs or ())
    result = None
    if inventory is not None:
        result = _asked(inventory, limit or [], parallel, accept_new_host_keys, as_json)
    document = _gathered(address, _targets(majors, archs, result), result)
    if as_json:
        print_document(document.model_dump_json(indent=1))
    else:
        print_versions(document, everything=everything)
    sys.exit(document.exit_code)


def _address(repo: str | None, mirror: str, channel: str) -> str:
    from staithe.sourcing.presets import DOCKER_MIRRORS, docker_packages

    if channel not in ("stable", "test"):
        gone = "; nightly and edge exist no longer" if channel in ("nightly", "edge") else ""
        raise UsageError(
            f"there is no such channel{gone}", where="--channel", found=channel, expected="stable or test"
        )
    if repo is not None:
        _check_repository(repo)
        return repo
    if mirror not in DOCKER_MIRRORS:
        raise UsageError(
            "no such mirror is known",
            where="--mirror",
            found=mirror,
            expected=", ".join(DOCKER_MIRRORS),
            hint="staithe versions --repo URL   # any other",
        )
    return docker_packages(mirror, channel)


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


def _targets(majors: list[int] | None, archs: list[str] | None, result: RunResult | None) -> list[Target]:
    """Return the kinds of hosts to look for: those that were named, else those that the hosts are."""
    from staithe.sourcing.target import Target
    from staithe.support_matrix import ARCHITECTURES, RELEASES

    seen = {
        (host.summary.major, host.summary.arch)
        for host in (result.hosts if result else [])
        if host.summary and host.summary.major in RELEASES and host.summary.arch in ARCHITECTURES
    }
    if majors or archs or not seen:
        seen = {(major, arch) for major in majors or _MAJORS for arch in archs or ["x86_64"]}
    return [Target(major, arch) for major, arch in sorted(seen)]


def _gathered(address: str, targets: list[Target], result: RunResult | None) -> VersionsDocument:
    from staithe.cli.bundle.progress import downloading
    from staithe.report.documents import OfferedVersion, VersionsDocument
    from staithe.sourcing.offers import fetch_offers

    with downloading() as (downloader, say):
        say(f"asking {address}")
        offers = fetch_offers(address, targets, downloader, Path())
    hosts: dict[str, list[str]] = {}
    for host in result.hosts if result else []:
        found = host.summary.engine_version if host.summary else None
        if found is not None:
            # A distribution's own build (28.5.2+dfsg4) stands beside the version that it was made from.
            made_from = found.partition("+")[0]
            is_theirs = found not in offers.versions and made_from in offers.versions
            version, name = (made_from, f"{host.host} ({found})") if is_theirs else (found, host.host)
            hosts.setdefault(version, []).append(name)
    offered = [
        OfferedVersion(
            version=version,
            packages={target: str(nevra) for target, nevra in packages.items()},
            hosts=hosts.pop(version, []),
        )
        for version, packages in offers.versions.items()
    ]
    return VersionsDocument(
        schema_version=1,
        repository=address,
        exit_code=result.exit_code if result else 0,
        # What hosts have and nobody offers stands at the end.
        versions=[*offered, *(OfferedVersion(version=one, packages={}, hosts=names) for one, names in hosts.items())],
        without=dict(offers.without),
        failures={host.host: host.error.message for host in (result.hosts if result else []) if host.error},
    )
