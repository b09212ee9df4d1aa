"""Shows how far a benchmark is, on standard error and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from alexnet_cy.bench.alternate import ShowProgress

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(n_steps: int) -> Iterator[ShowProgress]:
    """Give a function to call with the name of every step when it begins.

    Parameters
    ----------
    n_steps : int
        The number of steps.
    """
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # Drawn between passes only: a thread that draws would take a processor from a pass.
    with Progress(
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    ) as progress:
        task = progress.add_task("", total=n_steps, completed=-1)

        def show_progress(what: str) -> None:
            progress.update(task, description=what, advance=1, refresh=True)

        yield show_progress
