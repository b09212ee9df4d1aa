"""The folder of a training: checkpoints and logs, each file written whole."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.training.loop.progress import TrainingProgress
from alexnet_cy.training.loop.state_file import State, read_state, write_state
from alexnet_cy.training.network import Network
from alexnet_cy.training.report.curves import plot_history

__all__ = ["RunFolder"]


class RunFolder:
    """The folder that a training writes to; it is made if it is not there.

    ``best.safetensors`` and ``last.safetensors`` are networks; ``last.state.safetensors`` is what
    a training goes on from; ``log.jsonl`` and ``log.csv`` have a line for each epoch, which
    ``curves.png`` shows where matplotlib is installed.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    OSError
        The folder cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._path.mkdir(parents=True, exist_ok=True)

    @property
    def has_state(self) -> bool:
        """Whether a training can go on from here."""
        return self._state.exists()

    def read_state(self) -> State:
        """Read what a training goes on from; WeightsError if it cannot be read."""
        return read_state(self._state)

    def write_state(self, state: State) -> None:
        """Write what a training goes on from; OSError if there is no room."""
        write_state(self._state, state)

    def write_last(self, net: Network) -> None:
        """Write the network as it is now."""
        net.save(self._path / "last.safetensors")

    def write_best(self, net: Network) -> None:
        """Write the network of the best epoch."""
        net.save(self._path / "best.safetensors")

    def write_logs(self, progress: TrainingProgress) -> None:
        """Write the history anew."""
        history: Mapping[str, list[float]] = progress.history
        epochs = len(next(iter(history.values()), []))
        rows = [
            {"epoch": epoch} | {name: values[epoch] for name, values in history.items()}
            for epoch in range(epochs)
        ]
        _write_text(self._path / "log.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        text = io.StringIO()
        writer = csv.DictWriter(text, ["epoch", *history], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        _write_text(self._path / "log.csv", text.getvalue())
        if rows and find_spec("matplotlib") is not None:
            plot_history(history, self._path / "curves.png")

    @property
    def _state(self) -> Path:
        return self._path / "last.state.safetensors"


def _write_text(path: Path, text: str) -> None:
    with replace_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
