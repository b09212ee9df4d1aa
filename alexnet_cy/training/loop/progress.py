"""How far a training has come: all that must be known to go on, besides the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from alexnet_cy.contracts.scalars import as_count, as_real
from alexnet_cy.errors import WeightsError

__all__ = ["TrainingProgress"]


@dataclass
class TrainingProgress:
    """How far a training has come. The random numbers are counted, so they need no state.

    Attributes
    ----------
    epoch, step : int
        The epoch and the step in it that come next, from 0 up.
    total_steps : int
        Steps so far.
    loss_sum : float
        Of the losses of this epoch's images so far, before they are divided by `seen`.
    correct, seen : int
        Images of this epoch so far: known ones, and all.
    recent_losses : list of float
        Of the last steps.
    best_epoch : int
        The epoch of the best accuracy so far, or -1.
    history : dict of str to list of float
        A value for each whole epoch: "lr", "loss", "accuracy", "val_loss", "val_accuracy".
    settings : str
        What must be the same when the training goes on.
    """

    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    recent_losses: list[float] = field(default_factory=list)
    best_epoch: int = -1
    history: dict[str, list[float]] = field(default_factory=dict)
    settings: str = ""

    def to_text(self) -> str:
        """Return it as JSON; floats come back with the same bits."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str, path: str) -> TrainingProgress:
        """Read what `to_text` wrote; WeightsError if it is something else."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise WeightsError(f"{path!r}: is no state of a training: {error}") from error
        if not isinstance(values, Mapping) or set(values) != {one.name for one in fields(cls)}:
            raise WeightsError(f"{path!r}: is no state of a training of this version")
        progress = cls(**values)
        try:
            progress._check()
        except (TypeError, ValueError, AttributeError) as error:
            raise WeightsError(f"{path!r}: is damaged: {error}") from error
        return progress

    def _check(self) -> None:
        """Raise TypeError or ValueError if this is not how far a training can be."""
        for name in ("epoch", "step", "total_steps", "correct", "seen"):
            as_count(getattr(self, name), name, minimum=0)
        as_count(self.best_epoch, "best_epoch", minimum=-1)
        losses = {"loss_sum": [self.loss_sum], "recent_losses": self.recent_losses}
        for name, numbers in {**losses, **self.history}.items():
            if (
                not isinstance(numbers, list)
                or not np.isfinite([as_real(number, name) for number in numbers]).all()
            ):
                raise ValueError(f"{name}: need finite numbers")
        if any(len(values) != self.epoch for values in self.history.values()):
            raise ValueError(f"history: need a number for each of {self.epoch} epochs")
        if (
            not isinstance(self.settings, str)
            or (self.step == 0 and self.seen > 0)
            or self.best_epoch >= max(1, self.epoch)
            or self.correct > self.seen
        ):
            raise ValueError("its numbers do not fit together")

    def begin_epoch(self) -> None:
        """Go to the next epoch."""
        self.epoch += 1
        self.step = self.correct = self.seen = 0
        self.loss_sum = 0.0

    def note(self, **values: float) -> None:
        """Add the values of an epoch to the history."""
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
