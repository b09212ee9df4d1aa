"""Bars on stderr that show how far a long command is, if that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.progress import TaskID

    from alexnet_cy.training import StepReport

__all__ = ["Advance", "AdvancePart", "parts_bar", "progress_bar", "step_of"]

Advance: TypeAlias = Callable[[int, int], None]
"""Called with the images done so far, and all images."""

AdvancePart: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a part, how much of it is done, and how much there is."""


@contextmanager
def progress_bar() -> Iterator[Advance]:
    """Show a bar with images per second on stderr, if that is a terminal.

    Yields
    ------
    callable
        Called with the images done so far, and all images.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        # No bar at all: Rich 13 and 14 end a disabled one with a blank line.
        yield lambda n_done, n_images: None
        return
    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} img/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    first: tuple[int, float] | None = None  # an earlier run may have done some
    with bar:
        task = bar.add_task("", total=None, rate="-")

        def advance(n_done: int, n_images: int) -> None:
            nonlocal first
            now = perf_counter()
            if first is None:
                first = n_done, now
            elapsed_s = now - first[1]
            rate = f"{(n_done - first[0]) / elapsed_s:.1f}" if elapsed_s else "-"
            bar.update(task, completed=n_done, total=n_images, rate=rate)

        yield advance


@contextmanager
def parts_bar() -> Iterator[AdvancePart]:
    """Show how far each part is, one below the other."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda name, done, total: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(name: str, done: int, total: int) -> None:
            kind = name.partition(" ")[0]  # "epoch 3, loss 0.12" goes on where "epoch 2, ..." was
            if kind not in tasks:
                tasks[kind] = bar.add_task(name, total=total)
            bar.update(tasks[kind], description=name, completed=done, total=total)

        yield advance


def step_of(advance: AdvancePart) -> Callable[[StepReport], None]:
    """Return what shows the steps of a training as another part."""

    def on_step(report: StepReport) -> None:
        advance(
            f"epoch {report.epoch}, loss {report.loss:.4f}, rate {report.lr:.2g}, "
            f"{report.images_per_second:.1f} img/s",
            report.step,
            report.steps,
        )

    return on_step
