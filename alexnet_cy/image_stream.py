"""A network over images, batch by batch: features, and the names of what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.labels import Prediction, top_predictions
from alexnet_cy.network import Softmax

if TYPE_CHECKING:
    from alexnet_cy.engine.runner import Runner
    from alexnet_cy.images.batches import Batch, SkippedImage

__all__ = [
    "FeatureBatch",
    "PredictionBatch",
    "feature_batches",
    "prediction_batches",
    "warn_of_skipped",
]

NAMED_IN_A_WARNING = 5


@dataclass(frozen=True, slots=True)
class FeatureBatch:
    """The features of images that went through the network together.

    Attributes
    ----------
    indices : list of int
        Positions among all images, from 0.
    names : list of str
        Paths, or "images[i]".
    values : dict of str to ndarray of float32
        For each layer, (N, C, H, W) or (N, F); (N, views, ...) for a ten-crop preset.
    skipped : list of SkippedImage
        Images of this batch that could not be read; with "nan", their rows are NaN.
    """

    indices: list[int]
    names: list[str]
    values: dict[str, Float32Array]
    skipped: list[SkippedImage]


@dataclass(frozen=True, slots=True)
class PredictionBatch:
    """The values of images that went through the network together.

    Attributes
    ----------
    indices, names, skipped
        As of `FeatureBatch`.
    predictions : list of list of Prediction
        For each image, its classes, the most probable first.
    """

    indices: list[int]
    names: list[str]
    predictions: list[list[Prediction]]
    skipped: list[SkippedImage]


def feature_batches(
    runner: Runner,
    batches: Iterable[Batch],
    layers: tuple[str, ...],
    n_views: int,
    threads: int | None,
) -> Iterator[FeatureBatch]:
    """Run the network over batches of images; see `AlexNet.iter_features`."""
    for batch in batches:
        n_images = len(batch.names)
        axes = (n_images,) if n_views == 1 else (n_images, n_views)
        values = runner.forward(batch.x, layers, threads)
        shaped = {name: value.reshape(*axes, *value.shape[1:]) for name, value in values.items()}
        unread = {image.index for image in batch.skipped}
        rows = [row for row, index in enumerate(batch.indices) if index in unread]
        for value in shaped.values() if rows else ():
            value[rows] = np.nan
        yield FeatureBatch(batch.indices, batch.names, shaped, batch.skipped)


def prediction_batches(
    runner: Runner,
    batches: Iterable[Batch],
    top: int,
    n_views: int,
    threads: int | None,
    classes: tuple[str, ...] = (),
) -> Iterator[PredictionBatch]:
    """Name what is in batches of images; see `AlexNet.iter_predictions`."""
    variant = runner.variant
    if not (variant.num_classes and isinstance(variant.layers[-1], Softmax)):
        raise ValueError(
            f"variant {variant.name!r} ends with {variant.layers[-1].name}, which is no "
            "probability of classes; ask for features"
        )
    return _predictions(runner, batches, top, n_views, threads, classes)


def _predictions(
    runner: Runner,
    batches: Iterable[Batch],
    top: int,
    n_views: int,
    threads: int | None,
    classes: tuple[str, ...],
) -> Iterator[PredictionBatch]:
    for batch in batches:
        [probabilities] = runner.forward(batch.x, None, threads).values()
        # Of ten crops, the mean of the probabilities: Caffe's rule (python/caffe/classifier.py).
        # Of several pixels, too.
        shape = len(batch.names), n_views, probabilities.shape[1], prod(probabilities.shape[2:])
        means = probabilities.reshape(shape).mean(axis=(1, 3))
        predictions = [top_predictions(row, top, classes) for row in means]
        yield PredictionBatch(batch.indices, batch.names, predictions, batch.skipped)


def warn_of_skipped(batches: Iterable[FeatureBatch]) -> None:
    """Warn of the images that could not be read: how many, and the first of them by name."""
    skipped = [image for batch in batches for image in batch.skipped]
    if skipped:
        import warnings

        named = "; ".join(
            f"images[{image.index}]: {image.error}" for image in skipped[:NAMED_IN_A_WARNING]
        )
        more = f"; and {len(skipped) - NAMED_IN_A_WARNING} more"
        warnings.warn(
            f"{len(skipped)} image{'s' * (len(skipped) != 1)} could not be read: {named}"
            f"{more * (len(skipped) > NAMED_IN_A_WARNING)}",
            stacklevel=3,
        )
