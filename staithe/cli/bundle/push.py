"""`staithe bundle push`: into a registry on site, from which hosts pull."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from staithe.bundle.contents import Bundle


def push(
    target: Annotated[str, typer.Argument(metavar="REGISTRY/NAME:TAG", help="Where to put it.", show_default=False)],
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder or .tar of the bundle.")] = Path("bundle"),
    allowed_signers: Annotated[
        Path | None, typer.Option("--allowed-signers", help="File of those who may sign.", show_default=False)
    ] = None,
    revoked_keys: Annotated[
        Path | None, typer.Option("--revoked-keys", help="File of keys that are no longer trusted.")
    ] = None,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Push a bundle that nobody has signed.")
    ] = False,
    ca: Annotated[
        Path | None, typer.Option("--ca", help="Certificate of the authority that the registry's is from (PEM).")
    ] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Without TLS: everybody on the line can read and change it.")
    ] = False,
    proxy: Annotated[str | None, typer.Option("--proxy", help="HTTP proxy on the way to the registry.")] = None,
) -> None:
    """Put a bundle into a registry, after a look at every blob and signature.

    Any registry will do. What it has already is not sent again; the tag comes last. Signatures go with it, under a
    tag of their own. The login is the one of `docker login REGISTRY`. Hosts pull from there when the configuration
    names it (transfer.registry); what they run is decided by the bundle here, not by the registry.
    """
    from staithe.bundle.reference import parse
    from staithe.cli.bundle.progress import pushing
    from staithe.errors import UsageError
    from staithe.registry.endpoint import Settings, endpoint_of
    from staithe.registry.push import push as push_bundle
    from staithe.registry.repository import ImageRepository
    from staithe.report.sizes import size
    from staithe.sourcing.access import Access

    reference = parse(target)
    if reference.tag is None or reference.digest is not None:
        raise UsageError("push needs a tag", found=target, expected="REGISTRY/NAME:TAG")
    access = Access(ca=str(ca) if ca else None, proxy=_proxy(proxy))
    bundle = _checked(path, allowed_signers, revoked_keys, allow_unsigned=allow_unsigned)
    settings = Settings(ca="--ca FILE", plain_http="--plain-http")
    endpoint = endpoint_of(reference.domain, plain_http=plain_http or None, access=access, settings=settings)
    typer.echo(f"asking {reference.domain}", err=True)
    with ImageRepository(endpoint, reference.path, ("pull", "push")) as repository, pushing() as tell:
        done = push_bundle(bundle, repository, reference.tag, tell)
    typer.echo(f"pushed {reference}")
    typer.echo(f"index {bundle.digest}")
    typer.echo(f"sent {_blobs(done.sent)} ({size(done.sent_bytes)})")
    typer.echo(f"there already: {_blobs(done.there)} ({size(done.there_bytes)})")
    typer.echo(f"signatures: {done.signatures}")


def _checked(path: Path, allowed: Path | None, revoked: Path | None, *, allow_unsigned: bool) -> Bundle:
    """Return the bundle after a look at every blob and signature."""
    from staithe.bundle.read import read_bundle
    from staithe.bundle.signatures import check_signatures, not_signed, signatures
    from staithe.bundle.verify import verify
    from staithe.errors import UsageError

    if allowed is None and not allow_unsigned:
        raise UsageError(
            "nobody is named whose bundles may go there",
            expected="--allowed-signers FILE",
            hint="staithe bundle push --help   # --allow-unsigned does without",
        )
    bundle = read_bundle(path)
    verify(bundle)
    signed = signatures(bundle)
    if not signed and not allow_unsigned:
        raise not_signed(bundle)
    if signed and allowed is not None:
        check_signatures(bundle, allowed, revoked)
    return bundle


def _proxy(address: str | None) -> str | None:
    """Return the address of the proxy; raises UsageError, which tells no login."""
    from pydantic import TypeAdapter, ValidationError

    from staithe.config.values import ProxyUrl
    from staithe.errors import UsageError

    if address is None:
        return None
    expected = "an address such as http://proxy.example.com:3128"
    if "@" in address:
        raise UsageError("a login in an address is seen by everybody here", where="--proxy", expected=expected)
    try:
        found: str = TypeAdapter(ProxyUrl).validate_python(address)
    except ValidationError:
        found = ""
    if not found.startswith(("http://", "https://")):
        raise UsageError("this is no HTTP proxy", where="--proxy", found=repr(address[:200]), expected=expected)
    return found


def _blobs(count: int) -> str:
    return f"{count} blob{'' if count == 1 else 's'}"
