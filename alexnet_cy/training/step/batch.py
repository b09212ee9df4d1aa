"""A batch as a training step takes it, checked; and what the step says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_real

__all__ = ["BatchLoss", "Labels", "add_up", "blocks_of", "check_labels", "join_losses"]


@record(frozen=True, slots=True)
class BatchLoss:
    """What a forward pass of training says of its images.

    Attributes
    ----------
    loss : float
        Sum of `losses` over the divisor: their mean, unless another divisor was given.
    losses : ndarray of float64, shape (N,)
        Softmax cross-entropy of each image, times the weight of its class.
    logits : ndarray of float32, shape (N, classes)
    correct : ndarray of bool, shape (N,)
        Whether the largest logit is that of the label.
    """

    loss: float
    losses: NDArray[np.float64]
    logits: Float32Array
    correct: NDArray[np.bool_]


@record(frozen=True, slots=True)
class Labels:
    """The classes of a batch's images, checked, and how their losses count.

    Attributes
    ----------
    classes : ndarray of int64, shape (N,)
    indices : ndarray of int64, shape (N,)
        The place of each image in its data set.
    class_weights : ndarray of float32, shape (classes,), or None
    divisor : float
    """

    classes: NDArray[np.int64]
    indices: NDArray[np.int64]
    class_weights: Float32Array | None
    divisor: float

    def __getitem__(self, part: slice) -> Labels:
        return Labels(self.classes[part], self.indices[part], self.class_weights, self.divisor)


def check_labels(
    labels: ArrayLike,
    indices: ArrayLike | None,
    class_weights: ArrayLike | None,
    divisor: float | None,
    *,
    n_images: int,
    n_classes: int,
) -> Labels:
    """Check what comes with the images of a batch.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it.
    """
    classes = _whole_numbers(labels, "labels", n_images)
    if n_images == 0:
        raise ValueError("x: need at least one image, got none")
    outside = (classes < 0) | (classes >= n_classes)
    if outside.any():
        place = int(np.argmax(outside))
        raise ValueError(
            f"labels: need classes from 0 to {n_classes - 1}, got {classes[place]} at {place}"
        )
    places = np.arange(n_images) if indices is None else indices
    checked = _whole_numbers(places, "indices", n_images)
    if checked.min() < 0:
        raise ValueError(f"indices: need whole numbers from 0 up, got {checked.min()}")
    weights = None if class_weights is None else np.ascontiguousarray(class_weights, np.float32)
    if weights is not None and weights.shape != (n_classes,):
        raise ValueError(f"class_weights: need shape ({n_classes},), got {weights.shape}")
    if weights is not None and not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("class_weights: need finite numbers from 0 up")
    if divisor is None:
        total = float(n_images if weights is None else weights[classes].sum(dtype=np.float64))
    else:
        total = as_real(divisor, "divisor")
    if not total > 0:
        raise ValueError(f"divisor: need a number above 0, got {total}")
    return Labels(classes, checked, weights, total)


def blocks_of(n_images: int, block: int) -> Iterator[slice]:
    """Cut a batch into blocks, the last of which may be shorter."""
    for start in range(0, n_images, block):
        yield slice(start, min(start + block, n_images))


def join_losses(parts: Sequence[BatchLoss], divisor: float) -> BatchLoss:
    """Join what the parts of a batch say of it."""
    losses = np.concatenate([part.losses for part in parts])
    return BatchLoss(
        add_up(losses) / divisor,
        losses,
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.correct for part in parts]),
    )


def add_up(losses: NDArray[np.float64]) -> float:
    """Add up one after the other, so that parts of a batch give the bits of the whole."""
    total = 0.0
    for loss in losses.tolist():
        total += loss
    return total


def _whole_numbers(values: ArrayLike, name: str, count: int) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: need whole numbers, got {array.dtype.name}")
    if array.shape != (count,):
        raise ValueError(f"{name}: need one for each of {count} images, got shape {array.shape}")
    return np.ascontiguousarray(array, np.int64)
