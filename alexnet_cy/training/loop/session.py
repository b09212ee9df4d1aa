"""A training from images to weights: decoded once, split, learnt, measured."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.errors import ImageError
from alexnet_cy.network import Linear, Variant
from alexnet_cy.training.data.augment import squares_preparation
from alexnet_cy.training.data.parts import Parts, TrainingImages
from alexnet_cy.training.head.logistic import balanced_weights
from alexnet_cy.training.loop.recipes import Recipe, default_dropout
from alexnet_cy.training.loop.schedules import EarlyStopping
from alexnet_cy.training.loop.sources import FeatureSource, PixelSource, Source, read_pixels
from alexnet_cy.training.loop.telling import StepReport
from alexnet_cy.training.loop.trainer import Trainer
from alexnet_cy.training.network import Network
from alexnet_cy.training.report.evaluation import Evaluation, measure
from alexnet_cy.training.step.network import TrainingNetwork

if TYPE_CHECKING:
    from alexnet_cy.images.batches import SkippedImage
    from alexnet_cy.images.preparation import Preparation

__all__ = ["Data", "LoopSettings", "Outcome", "Trainable", "feature_data", "learn", "pixel_data"]

Trainable: TypeAlias = Literal["fc", "all"]


class LoopSettings(NamedTuple):
    """How a training runs; see `AlexNet.train`, which has checked it."""

    recipe: Recipe
    trainable: Trainable = "all"
    class_weight: Literal["balanced"] | None = None
    early_stopping: EarlyStopping | None = None
    seed: int = 0
    threads: int = 1
    batch_block: int | None = None
    folder: str | os.PathLike[str] | None = None
    resume: bool = False
    time_limit_s: float | None = None
    on_step: Callable[[StepReport], None] | None = None


class Data(NamedTuple):
    """What is learnt from, and what is measured with.

    Attributes
    ----------
    train, val : Source
    val_paths : list of str
    parts : Parts
    skipped : list of SkippedImage
    """

    train: Source
    val: Source
    val_paths: list[str]
    parts: Parts
    skipped: list[SkippedImage]


class Outcome(NamedTuple):
    """What came of a training.

    Attributes
    ----------
    weights : dict of str to ndarray
        Of the last step.
    history : dict of str to list of float
    evaluation : Evaluation
    train_accuracy : float
        In the last whole epoch, of the views that were learnt from; NaN without one.
    """

    weights: dict[str, Float32Array]
    history: dict[str, list[float]]
    evaluation: Evaluation
    train_accuracy: float


def pixel_data(
    images: TrainingImages,
    preparation: Preparation,
    settings: LoopSettings,
    val: float,
    *,
    strict: bool,
    progress: Callable[[str, int, int], None],
) -> Data:
    """Decode all images once and split them.

    Raises
    ------
    ImageError
        With `strict`, an image cannot be read; or none is left of a class.
    OSError
        There is no room for the decoded images.
    """
    squares = squares_preparation(preparation, settings.recipe.augment)
    if settings.folder is not None:
        os.makedirs(settings.folder, exist_ok=True)
    pixels, indices, skipped = read_pixels(
        images.paths, squares, threads=settings.threads, folder=settings.folder, progress=progress
    )
    if skipped and strict:
        raise ImageError(skipped[0].error)
    parts = images.parts(indices.tolist(), val, settings.seed)
    labels, paths = images.labels, images.paths
    train_rows, val_rows = (np.searchsorted(indices, part) for part in (parts.train, parts.val))
    train = PixelSource(
        pixels,
        labels[parts.train],
        preparation,
        settings.recipe.augment,
        rows=train_rows,
        threads=settings.threads,
    )
    measured = PixelSource(pixels, labels[parts.val], preparation, rows=val_rows)
    return Data(train, measured, [paths[i] for i in parts.val], parts, skipped)


def feature_data(
    images: TrainingImages,
    values: Float32Array,
    indices: NDArray[np.intp],
    parts: Parts,
    skipped: list[SkippedImage],
) -> Data:
    """Split features that were computed once; `indices` are the images of their rows, ascending."""
    labels, paths = images.labels, images.paths
    train, val = (
        FeatureSource(values[np.searchsorted(indices, part)], labels[part])
        for part in (parts.train, parts.val)
    )
    return Data(train, val, [paths[i] for i in parts.val], parts, skipped)


def learn(
    variant: Variant,
    weights: Mapping[str, Any],
    data: Data,
    classes: tuple[str, ...],
    settings: LoopSettings,
    make_network: Callable[[Mapping[str, Any]], Network],
) -> Outcome:
    """Train a network and measure it.

    Parameters
    ----------
    variant, weights
        The network, with as many outputs as there are classes.
    data : Data
        Images; or with trainable "fc", what the first fully connected layer reads.
    classes : tuple of str
    settings : LoopSettings
    make_network : callable
        Makes what is saved of weights by name.

    Raises
    ------
    TrainingError, KeyboardInterrupt, WeightsError, OSError
        As of `Trainer.fit`.
    """
    recipe = settings.recipe
    linears = [layer.name for layer in variant.layers if isinstance(layer, Linear)]
    own = dict(weights)
    if settings.trainable == "fc":
        own = {name: own[name] for name in own if name.rpartition(".")[0] in linears}
    network = TrainingNetwork(
        variant,
        own,
        dropout=default_dropout(variant, recipe.dropout),
        seed=settings.seed,
        start=linears[0] if settings.trainable == "fc" else None,
        batch_block=settings.batch_block,
        threads=settings.threads,
    )
    counted = None
    if settings.class_weight == "balanced":
        labels = np.asarray(data.train.labels, np.intp)
        by_image = balanced_weights(labels, len(classes))
        counted = np.ones(len(classes))
        counted[labels] = by_image
    trainer = Trainer(
        network,
        recipe.sgd,
        schedule=recipe.schedule,
        warmup=recipe.warmup,
        batch_size=min(recipe.batch_size, len(data.train.labels)),
        class_weights=counted,
        early_stopping=settings.early_stopping,
        seed=settings.seed,
        make_network=lambda learnt: make_network({**weights, **learnt}),
        conditions=_conditions(data, weights, linears, settings),
    )
    history = trainer.fit(
        data.train,
        data.val,
        recipe.epochs,
        folder=settings.folder,
        resume=settings.resume,
        time_limit_s=settings.time_limit_s,
        on_step=settings.on_step,
    )
    probabilities = _probabilities(network, data.val)
    evaluation = measure(
        probabilities, np.asarray(data.val.labels, np.intp), data.val_paths, classes
    )
    known = history["accuracy"][-1] if history else float("nan")
    return Outcome({**weights, **network.weights()}, history, evaluation, known)


def _conditions(
    data: Data, weights: Mapping[str, Any], linears: list[str], settings: LoopSettings
) -> str:
    """Describe what decides the bits besides the loop's own settings: images, views, dropout.

    Where the layers before the fully connected ones, `linears`, do not learn, also their weights.
    """
    digest = hashlib.blake2b(digest_size=8)
    for source in (data.train, data.val):
        digest.update(np.asarray(source.labels, np.int64).tobytes())
    for path in data.val_paths:
        digest.update(os.path.basename(path).encode("utf-8", "surrogateescape"))
    recipe = settings.recipe
    parts = [f"images={len(data.train.labels)}+{len(data.val.labels)}", digest.hexdigest()]
    if settings.trainable == "fc":
        frozen = hashlib.blake2b(digest_size=8)
        for name, tensor in weights.items():
            if name.rpartition(".")[0] not in linears:
                frozen.update(np.ascontiguousarray(tensor).data)
        parts.append(f"trained on features of convolutions {frozen.hexdigest()}")
    else:
        parts.append(repr(recipe.augment))
    return ", ".join([*parts, f"dropout={recipe.dropout}", f"class_weight={settings.class_weight}"])


def _probabilities(network: TrainingNetwork, source: Source) -> NDArray[np.float64]:
    """Return the softmax of the outputs for all images of a source."""
    parts = []
    for first in range(0, len(source.labels), 64):
        rows = np.arange(first, min(first + 64, len(source.labels)))
        y = network.predict(source.batch(rows, 0, 0)).astype(np.float64)
        y = np.exp(y - y.max(axis=1, keepdims=True))
        parts.append(y / y.sum(axis=1, keepdims=True))
    return np.concatenate(parts)
