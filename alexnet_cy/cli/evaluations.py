"""How good a network's answers are, printed for people or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from alexnet_cy.cli.output import make_table, printable, stdout_console

if TYPE_CHECKING:
    from alexnet_cy.training import Evaluation

__all__ = ["evaluation_entries", "print_evaluation"]

SHOWN = 10
"""How many mistakes are printed; JSON has all that are kept."""


def evaluation_entries(found: Evaluation) -> dict[str, object]:
    """Return what JSON says of an evaluation."""
    return {
        "images": found.images,
        "top1": found.top1,
        "top5": found.top5,
        "macro_recall": found.macro_recall,
        "majority": found.majority,
        "loss": found.loss,
        "confusion": found.confusion.tolist(),
        "worst": [asdict(mistake) for mistake in found.worst],
    }


def print_evaluation(found: Evaluation) -> None:
    """Print the figures, a line for each class, and the worst mistakes."""
    console = stdout_console()
    table = make_table("class", ">images", ">right, %", "mostly taken for")
    for name, row, own in zip(
        found.classes, found.confusion, range(len(found.classes)), strict=True
    ):
        total = int(row.sum())
        if total:
            others = row.copy()
            others[own] = 0
            wrong = found.classes[int(others.argmax())] if others.any() else ""
            right = f"{100 * int(row[own]) / total:.1f}"
            table.add_row(printable(name), str(total), right, printable(wrong))
    console.print(table)
    if found.worst:
        console.print("the worst mistakes:")
    for mistake in found.worst[:SHOWN]:
        console.print(
            f"  {printable(mistake.path)}: {printable(mistake.answer)} "
            f"({100 * mistake.probability:.1f} %), is {printable(mistake.truth)} "
            f"({100 * mistake.truth_probability:.1f} %)",
            soft_wrap=True,
        )
    console.print(str(found), soft_wrap=True)
