"""`staithe explain`: what an error code means."""

from __future__ import annotations

from typing import Annotated

import typer


def explain(
    code: Annotated[str | None, typer.Argument(help="A code such as E203; without it, all codes.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False,
) -> None:
    """Explain the code of an error or a warning, or list all of them."""
    import difflib

    from staithe import explain as codes
    from staithe.errors import UsageError

    if markdown:
        typer.echo(codes.markdown(), nl=False)
        return
    known = {one.code: one for one in codes.explanations()}
    if code is None:
        for one in known.values():
            typer.echo(f"{one.code}  {one.summary}")
        return
    wanted = code.strip().upper()
    wanted = f"E{wanted}" if wanted.isdigit() else wanted
    if wanted not in known:
        beginning = [one for one in known if one.startswith(wanted)]
        alike = [one for one in known if one[0] == ("W" if wanted[:1] == "W" else "E")]
        near = (beginning or difflib.get_close_matches(wanted, alike, n=1, cutoff=0.0))[0]
        raise UsageError("there is no such error code", found=repr(code), hint=f"staithe explain {near}")
    one = known[wanted]
    typer.secho(f"{one.code} {one.name} (exit code {one.exit_code})", bold=True)
    typer.echo(f"\n{one.text}")
