"""`staithe bundle controller`: staithe itself, to be installed where there is no network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from staithe.wheelhouse.pinned import Interpreter

_ARCHS = ("x86_64", "aarch64")


def controller(
    out: Annotated[Path, typer.Option("--out", help="Folder for the wheels; a former one is replaced.")] = Path(
        "controller"
    ),
    python: Annotated[
        list[str] | None,
        typer.Option("--python", metavar="3.N", help="Python on site, several times; without it the one that runs."),
    ] = None,
    arch: Annotated[
        list[str] | None,
        typer.Option("--arch", help="x86_64 or aarch64, several times; without it this machine's."),
    ] = None,
) -> None:
    """Fetch the wheels of staithe and of all that it needs, with `bundle lock` and `build`, for Linux on site.

    Versions and hashes are those that this staithe was tested with. pip fetches them, with its own configuration of
    index, proxy and certificates; each file is compared with its hash. The folder has requirements.txt for
    `pip install --require-hashes`, and SHA256SUMS.
    """
    from staithe.report.console import console_for
    from staithe.report.sizes import size
    from staithe.shell import word
    from staithe.wheelhouse.wheelhouse import REQUIREMENTS, SUMS, make

    interpreters = _interpreters(python, arch)
    told = console_for(stderr=True, markup=False)
    made = make(interpreters, out, lambda text: told.print(text, soft_wrap=True))
    console = console_for(markup=False)
    for name, digest in made.files.items():
        console.print(f"{digest}  {name}", soft_wrap=True)
    console.print(f"{len(made.files)} files, {size(made.size_bytes)}, in {out}", soft_wrap=True)
    folder = word(str(out))
    console.print(f"on site:  (cd {folder} && sha256sum -c --quiet {SUMS}) &&", soft_wrap=True)
    console.print(f"          python{interpreters[0].version} -m venv .venv &&", soft_wrap=True)
    install = f".venv/bin/pip install --no-index --find-links {folder} --require-hashes -r {folder}/{REQUIREMENTS}"
    console.print(f"          {install}", soft_wrap=True)


def _interpreters(python: list[str] | None, arch: list[str] | None) -> list[Interpreter]:
    import platform
    import sys

    from staithe.errors import UsageError
    from staithe.wheelhouse.pinned import Interpreter

    versions = list(dict.fromkeys(python or [f"{sys.version_info.major}.{sys.version_info.minor}"]))
    for version in versions:
        if not re.fullmatch(r"3\.[1-9][0-9]?", version) or int(version[2:]) < 11:
            raise UsageError("--python is no Python that staithe runs on", found=version, expected="3.11 or newer")
    archs = list(dict.fromkeys(arch or [platform.machine()]))
    for one in archs:
        if one not in _ARCHS:
            raise UsageError("--arch is none that wheels are fetched for", found=one, expected=" or ".join(_ARCHS))
    return [Interpreter(version, one) for version in versions for one in archs]
