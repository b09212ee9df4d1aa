"""The bar that a download shows on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alexnet_cy.published.resumable import Progress

__all__ = ["download_bar"]


@contextmanager
def download_bar(title: str) -> Iterator[Progress]:
    """Show a bar with bytes, speed and time left on stderr while the block runs.

    It appears with the first bytes, and only if stderr is a terminal.

    Parameters
    ----------
    title : str
        Stands before the bar.

    Yields
    ------
    callable
        The progress of `alexnet_cy.published.download.fetch`.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        # No bar at all: Rich 13 and 14 end a disabled one with a blank line.
        yield lambda done_bytes, total_bytes: None
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(title, total=None, start=False)

    def update(done_bytes: int, total_bytes: int | None) -> None:
        if not bar.live.is_started:
            bar.start()
            bar.start_task(task)
        bar.update(task, completed=done_bytes, total=total_bytes)

    try:
        yield update
    finally:
        bar.stop()
