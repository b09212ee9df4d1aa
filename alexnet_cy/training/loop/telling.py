"""Telling where a training is, step by step."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from alexnet_cy.contracts.records import record
from alexnet_cy.training.loop.progress import TrainingProgress

__all__ = ["StepReport", "Teller"]


@record(frozen=True, slots=True)
class StepReport:
    """Where a training is, after a step.

    Attributes
    ----------
    epoch, step, steps : int
        From 1 up; `steps` is how many an epoch has.
    loss : float
        The mean of the epoch so far.
    lr : float
    images_per_second : float
        Since `fit` began.
    """

    epoch: int
    step: int
    steps: int
    loss: float
    lr: float
    images_per_second: float


class Teller:
    """Tells where a training is, with images per second."""

    def __init__(self, on_step: Callable[[StepReport], None] | None) -> None:
        self._on_step = on_step
        self._started, self._images = monotonic(), 0

    def tell(self, progress: TrainingProgress, n_steps: int, n_images: int, lr: float) -> None:
        """Count images, and tell."""
        self._images += n_images
        if self._on_step:
            per_second = self._images / max(1e-9, monotonic() - self._started)
            loss = progress.loss_sum / progress.seen
            self._on_step(
                StepReport(progress.epoch + 1, progress.step, n_steps, loss, lr, per_second)
            )
