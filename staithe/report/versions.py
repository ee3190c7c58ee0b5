"""The engine versions on offer, in one table."""

from __future__ import annotations

from rich.table import Table

from staithe.report.console import console_for
from staithe.report.documents import OfferedVersion, VersionsDocument

_SHOWN = 15


def print_versions(document: VersionsDocument, *, everything: bool) -> None:
    """Print one row for each version; without `everything` only the newest, and those that hosts have."""
    console = console_for(markup=False)
    targets = sorted({target for one in document.versions for target in one.packages}, key=_by_number)
    has_hosts = any(one.hosts for one in document.versions)
    shown = [one for place, one in enumerate(document.versions) if everything or place < _SHOWN or one.hosts]
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
    console.print(table)
    left = len(document.versions) - len(shown)
    if left > 0:
        console.print(f"and {left} older ones: --all")
    console.print(f"offered by {document.repository}", soft_wrap=True)
    for target, reason in document.without.items():
        console.print(f"nothing for {target}: {reason}", soft_wrap=True)
    for host, reason in document.failures.items():
        console.print(f"not asked: {host}: {reason.splitlines()[0]}", soft_wrap=True)


def _release(one: OfferedVersion, target: str) -> str:
    """Return the release of the package, such as 1.el9; a dash where it is not offered."""
    package = one.packages.get(target)
    return package.rpartition("-")[2].rpartition(".")[0] if package else "-"


def _by_number(target: str) -> tuple[int, str]:
    """Sort el10 behind el9."""
    system, _, arch = target.partition("-")
    return int(system.removeprefix("el")), arch
