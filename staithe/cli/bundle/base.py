"""`staithe bundle base`: what the hosts have already, so that a bundle carries only what they lack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from staithe.cli import options

if TYPE_CHECKING:
    from staithe.report.documents import BasesDocument
    from staithe.result import RunResult
    from staithe.rpm.gathering import Gathering


def base(
    inventory: options.Inventory,
    out: Annotated[Path, typer.Option("--out", help="Folder for the files, one for each kind of hosts.")] = Path(
        "bases"
    ),
    limit: options.Limit = None,
    parallel: options.Parallel = 0,
    accept_new_host_keys: options.AcceptKeys = False,
    shards: options.Shards = 1,
    as_json: options.Json = False,
) -> None:
    """Ask hosts what they have installed, and write one file for each kind: release, arch, kernel, SELinux policy.

    With `bases = ["bases/*.rpms"]` below [targets] in bundle.toml, `staithe bundle lock` resolves for each of them
    what it lacks. Each host lists its packages, one of each kind tells all that rpm knows of them; what not all hosts
    of a kind have is left out. The files are text, the same for the same hosts, and belong into git. Changes nothing
    on hosts.
    """
    from staithe.errors import UsageError
    from staithe.report.console import console_for, print_document
    from staithe.rpm.gathering import Gathering
    from staithe.run import Run

    if out.exists() and not out.is_dir():
        raise UsageError("--out is no folder", where=str(out))
    gathering = Gathering()
    run = Run(
        "base",
        inventory,
        shards=shards,
        watch=gathering.take,
        limit=limit or [],
        parallel=parallel,
        accept_new_host_keys=accept_new_host_keys,
    )
    if as_json:
        # What stdout has is this command's own document.
        run.console = console_for(stderr=True)
    document = _written(run.go(show_summary=False), gathering, out)
    if as_json:
        print_document(document.model_dump_json(indent=1))
    else:
        _print(document)
    sys.exit(document.exit_code)


def _written(result: RunResult, gathering: Gathering, out: Path) -> BasesDocument:
    """Write the files, and return what came of it."""
    from staithe.report.documents import Base, BaseFailure, BasesDocument

    bases = [
        Base(
            file=str(out / one.file_name),
            release=one.kind.release,
            arch=one.kind.arch,
            kernel=one.kind.kernel,
            selinux_policy=one.kind.selinux_policy,
            hosts=list(one.hosts),
            packages=len(one.packages),
            left_out=list(one.left_out),
            changed=one.write(out),
        )
        for one in gathering.bases()
    ]
    failures = [
        BaseFailure(host=host.host, code=host.error.code, message=host.error.message)
        for host in result.hosts
        if host.error is not None
    ]
    return BasesDocument(
        schema_version=1,
        run_id=result.run_id,
        exit_code=result.exit_code,
        bases=bases,
        failures=failures,
        superseded=[str(out / name) for name in gathering.superseded(out)],
    )


def _print(document: BasesDocument) -> None:
    from staithe.report.console import console_for
    from staithe.shell import word

    console = console_for(markup=False)
    for one in document.bases:
        what = "wrote" if one.changed else "same "
        many = f"{len(one.hosts)} host{'' if len(one.hosts) == 1 else 's'}"
        console.print(f"{what} {one.file}: {many}, {one.packages} packages", soft_wrap=True)
        if one.left_out:
            shown = ", ".join(one.left_out[:4]) + (f" and {len(one.left_out) - 4} more" if one.left_out[4:] else "")
            console.print(f"      not on all of them, so left out: {shown}", soft_wrap=True)
    for name in document.superseded:
        console.print(f"no host is as in {name} any longer: git rm {word(name)}", soft_wrap=True)
    if document.failures:
        console.print(f"not asked: {', '.join(one.host for one in document.failures)}", soft_wrap=True)
    if document.bases:
        console.print(
            'next: bases = ["FOLDER/*.rpms"] below [targets] in bundle.toml, then staithe bundle lock', soft_wrap=True
        )
