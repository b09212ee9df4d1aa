"""A bar on stderr for work of several parts, if that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.progress import TaskID

    from alexnet_cy.training import StepReport

__all__ = ["Advance", "parts_bar", "step_of"]

Advance: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a part, how much of it is done, and how much there is."""


@contextmanager
def parts_bar() -> Iterator[Advance]:
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


def step_of(advance: Advance) -> Callable[[StepReport], None]:
    """Return what shows the steps of a training as another part."""

    def on_step(report: StepReport) -> None:
        advance(
            f"epoch {report.epoch}, loss {report.loss:.4f}, rate {report.lr:.2g}, "
            f"{report.images_per_second:.1f} img/s",
            report.step,
            report.steps,
        )

    return on_step
