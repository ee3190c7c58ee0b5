"""What is shown while files come: on a terminal one live line, in a log one line for each step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from staithe.sourcing.download import Downloader, Wanted


@contextmanager
def downloading(
    *, offline: bool = False, total_bytes: int | None = None
) -> Iterator[tuple[Downloader, Callable[[str], None]]]:
    """Give a downloader into the user's cache, and a function that tells the step at hand."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from staithe.report.console import console_for
    from staithe.sourcing.download import Downloader
    from staithe.sourcing.download_cache import DownloadCache, cache_folder

    console = console_for(stderr=True, markup=False)
    columns = [TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn()]
    if total_bytes is not None:
        columns[1:1] = [BarColumn(bar_width=20)]
        columns.append(TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("beginning", total=total_bytes)
        guard = threading.Lock()

        def advance(_wanted: Wanted, count: int) -> None:
            with guard:
                progress.advance(task, count)

        def say(text: str) -> None:
            progress.update(task, description=text)
            if not console.is_terminal:
                console.print(text, soft_wrap=True)

        with Downloader(DownloadCache(cache_folder()), offline=offline, advance=advance) as downloader:
            yield downloader, say


@contextmanager
def pushing() -> Iterator[Callable[[int], None]]:
    """Give a function that tells how many bytes were sent."""
    from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from staithe.report.console import console_for

    console = console_for(stderr=True, markup=False)
    columns = (TextColumn("sending"), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("sending", total=None)
        guard = threading.Lock()

        def advance(count: int) -> None:
            with guard:
                progress.advance(task, count)

        yield advance
