"""The engine versions on offer, in one table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from staithe.report.console import console_for
from staithe.report.documents import OfferedVersion, RepositoryOffer, VersionsDocument

_SHOWN = 15


def print_versions(document: VersionsDocument, *, everything: bool) -> None:
    """Print one row for each version; without `everything` only the newest, and those that hosts have."""
    console = console_for(markup=False)
    for number, offer in enumerate((document, *document.others)):
        if number:
            console.print()
        if document.others:
            console.print(f"for {', '.join(offer.described_for)}:", style="bold", soft_wrap=True)
        _print_offer(console, offer, everything=everything)
    for host, reason in document.failures.items():
        console.print(f"not asked: {host}: {reason.splitlines()[0]}", soft_wrap=True)


def _print_offer(console: Console, offer: RepositoryOffer, *, everything: bool) -> None:
    targets = sorted({target for one in offer.versions for target in one.packages}, key=_by_number)
    has_hosts = any(one.hosts for one in offer.versions)
    shown = [one for place, one in enumerate(offer.versions) if everything or place < _SHOWN or one.hosts]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("version", no_wrap=True)
    for target in targets:
        table.add_column(target, no_wrap=True)
    if has_hosts:
        table.add_column("hosts", overflow="fold")
    for one in shown:
        table.add_row(
            one.version, *(_release(one, target) for target in targets), *([", ".join(one.hosts)] * has_hosts)
        )
    if shown:
        console.print(table)
    left = len(offer.versions) - len(shown)
    if left > 0:
        console.print(f"and {left} older ones: --all")
    if targets:
        console.print(f"offered by {offer.repository}", soft_wrap=True)
    for target, reason in offer.without.items():
        console.print(f"nothing for {target}: {reason}", soft_wrap=True)
    for note in offer.notes:
        console.print(f"note: {note}", soft_wrap=True)


def _release(one: OfferedVersion, target: str) -> str:
    """Return the release of the package, such as 1.el9; a dash where it is not offered."""
    package = one.packages.get(target)
    return package.rpartition("-")[2].rpartition(".")[0] if package else "-"


def _by_number(target: str) -> tuple[int, str]:
    """Sort el10 behind el9."""
    system, _, arch = target.partition("-")
    return int(system.removeprefix("el")), arch
