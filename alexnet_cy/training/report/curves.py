"""Learning curves as a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping

from alexnet_cy.machine.replace_file import replace_file

__all__ = ["plot_history"]


def plot_history(history: Mapping[str, list[float]], path: str | os.PathLike[str]) -> None:
    """Draw the loss by step or epoch, and beside it the accuracies.

    Parameters
    ----------
    history : mapping of str to list of float
        As `FineTuned.history` has it.
    path : path-like
        Its ending says the format: .png, .pdf, .svg.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    OSError, ValueError
        The file cannot be written, or its ending is no format.
    """
    from matplotlib.figure import Figure

    kind = os.path.splitext(os.fsdecode(path))[1].removeprefix(".").lower()
    if not kind:
        raise ValueError(f"path: need a name that ends in .png, .pdf or .svg, got {str(path)!r}")
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    for name, values in history.items():
        if name.endswith("loss") and values:
            losses.plot(values, label=name)
        elif name.endswith("accuracy") and name != "C_accuracy" and values:
            accuracies.plot([100 * value for value in values], label=name)
    if history.get("C"):
        percent = [100 * value for value in history["C_accuracy"]]
        accuracies.semilogx(history["C"], percent, "o-", label="while C was chosen")
    step = "epoch" if "val_loss" in history else "step of the solver"
    losses.set(xlabel=step, ylabel="loss", yscale="log")
    accuracies.set(xlabel="C" if history.get("C") else step, ylabel="accuracy, %")
    for axes in (losses, accuracies):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    with replace_file(path) as temporary:
        figure.savefig(temporary, dpi=120, format=kind)
