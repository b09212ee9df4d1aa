"""Fine-tuning: from a folder of photographs and a network to one that knows their classes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic

from alexnet_cy.contracts.records import record
from alexnet_cy.training.network import AnyNetwork
from alexnet_cy.training.report.evaluation import Evaluation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from alexnet_cy.images.batches import SkippedImage
    from alexnet_cy.training.data.folder import LeftOut

__all__ = ["FineTuned"]


@record(frozen=True, slots=True)
class FineTuned(Generic[AnyNetwork]):
    """A network that knows new classes, and how well.

    Attributes
    ----------
    net : AlexNet
        With `AlexNet.classes` and `AlexNet.trained_on`; the one that it was made of is unchanged.
    evaluation : Evaluation
        On the images that were not learnt from.
    train_accuracy : float
        On those that were; in a training loop, on the views of the last epoch.
    frozen_accuracy : float or None
        Of a new head on the network as it came, on the images that were not learnt from: what
        training more layers has to beat. None for a network that was trained from scratch.
    history : mapping of str to list of float
        Of a head, "loss" by step of the solver, "C" and "C_accuracy", what was tried and how it
        did; of a training loop "lr", "loss", "accuracy", "val_loss" and "val_accuracy" by epoch.
    train_images : int
        How many were learnt from.
    skipped : tuple of SkippedImage
        Images that could not be read.
    left_out : tuple of LeftOut
        Files of the folders that are no images, or in no class's folder.
    duplicates : int
        How many images are copies of others; copies are on one side of the split.
    layer : str
        The layer that the fitted head reads; empty from scratch.
    c : float or None
        scikit-learn's C of the fitted head; None from scratch.
    """

    net: AnyNetwork
    evaluation: Evaluation
    train_accuracy: float
    frozen_accuracy: float | None
    history: Mapping[str, list[float]]
    train_images: int
    skipped: tuple[SkippedImage, ...]
    left_out: tuple[LeftOut, ...]
    duplicates: int
    layer: str
    c: float | None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.evaluation.classes

    @property
    def accuracy(self) -> float:
        """The share of unseen images whose class is the first answer."""
        return self.evaluation.top1

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Unseen images of each class (rows) by answer (columns)."""
        return self.evaluation.confusion

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as safetensors; see `AlexNet.save`."""
        self.net.save(path)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the learning curves; needs matplotlib.

        Raises
        ------
        ModuleNotFoundError
            matplotlib is not installed.
        OSError, ValueError
            The file cannot be written, or its ending is no format.
        """
        from alexnet_cy.training.report.curves import plot_history

        plot_history(self.history, path)

    def __str__(self) -> str:
        frozen = ""
        if self.frozen_accuracy is not None:
            frozen = f"frozen network with a new head {100 * self.frozen_accuracy:.1f} %; "
        return (
            f"{self.train_images} images learnt from, {self.evaluation.images} unseen\n"
            f"unseen images: {self.evaluation}\n"
            f"{frozen}on the images learnt from {100 * self.train_accuracy:.1f} %"
        )
