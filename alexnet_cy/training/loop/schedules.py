"""When the learning rate falls, and when training ends: functions of the epochs so far.

None keeps a state, so a training that was resumed goes on as if it had not ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from alexnet_cy.contracts.records import record

__all__ = ["EarlyStopping", "ReduceLROnPlateau", "Schedule", "StepLR"]


class Schedule(Protocol):
    """What the learning rate is multiplied by."""

    def factor(self, epoch: int, losses: Sequence[float]) -> float:
        """Return the factor of an epoch, from 0 up, after the validation losses of those before."""


@record(frozen=True, slots=True)
class StepLR:
    """Multiply the rate by `gamma` every `step` epochs.

    Attributes
    ----------
    step : int
        At least 1.
    gamma : float
    """

    step: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        """Check the numbers."""
        _check(self.step >= 1, "step", "a whole number from 1 up", self.step)
        _check(self.gamma > 0, "gamma", "a number above 0", self.gamma)

    def factor(self, epoch: int, losses: Sequence[float]) -> float:
        """Return gamma ** (epoch // step)."""
        return float(self.gamma ** (epoch // self.step))


@record(frozen=True, slots=True)
class ReduceLROnPlateau:
    """Multiply the rate by `gamma` when the validation loss has stopped falling: the paper's rule.

    Attributes
    ----------
    gamma : float
    patience : int
        Epochs without a better loss than the best so far, after which the rate falls.
    min_delta : float
        Only a loss that is smaller by more than this share of the best is better.
    """

    gamma: float = 0.1
    patience: int = 5
    min_delta: float = 1e-3

    def __post_init__(self) -> None:
        """Check the numbers."""
        _check(self.gamma > 0, "gamma", "a number above 0", self.gamma)
        _check(self.patience >= 1, "patience", "a whole number from 1 up", self.patience)

    def factor(self, epoch: int, losses: Sequence[float]) -> float:
        """Return gamma to the power of the plateaus so far."""
        best, waited, falls = float("inf"), 0, 0
        for loss in losses[:epoch]:
            if loss < best * (1 - self.min_delta):
                best, waited = loss, 0
            else:
                waited += 1
            if waited == self.patience:
                falls, waited = falls + 1, 0
        return float(self.gamma**falls)


@record(frozen=True, slots=True)
class EarlyStopping:
    """End when the validation loss has not fallen below its best for `patience` epochs.

    Attributes
    ----------
    patience : int
        At least 1.
    """

    patience: int = 10

    def __post_init__(self) -> None:
        """Check the number."""
        _check(self.patience >= 1, "patience", "a whole number from 1 up", self.patience)

    def is_over(self, losses: Sequence[float]) -> bool:
        """Whether to end after the epochs with these losses."""
        if not losses:
            return False
        best = min(range(len(losses)), key=losses.__getitem__)
        return len(losses) - 1 - best >= self.patience


def _check(good: bool, name: str, need: str, value: object) -> None:
    if not good:
        raise ValueError(f"{name}: need {need}, got {value!r}")
