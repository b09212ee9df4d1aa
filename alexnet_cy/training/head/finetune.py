"""Fine-tuning of the head: the rest of the network computes the features of every image once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.trained_on import MeanImage, TrainedOn
from alexnet_cy.errors import ImageError
from alexnet_cy.images.presets import get_preset
from alexnet_cy.training.data.augment import Augment
from alexnet_cy.training.data.parts import Parts, TrainingImages
from alexnet_cy.training.data.split import split_samples
from alexnet_cy.training.finetuning import FineTuned
from alexnet_cy.training.head.choose import FittedHead, fit_head
from alexnet_cy.training.head.features import Progress, augmented_features, image_features
from alexnet_cy.training.head.logistic import Array, balanced_weights, make_problem
from alexnet_cy.training.network import AnyNetwork, MakeNetwork, features_layer, with_new_head
from alexnet_cy.training.report.evaluation import Evaluation, measure

if TYPE_CHECKING:
    from alexnet_cy.contracts.arrays import Float32Array
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.network import Variant

__all__ = ["ClassWeight", "HeadSettings", "finetune_head"]

ClassWeight: TypeAlias = Literal["balanced"]

INNER_SHARE = 0.2
"""Of the images that are learnt from, as many are kept back while C is chosen."""


class HeadSettings(NamedTuple):
    """How a head is trained; see `AlexNet.finetune`, which has checked it."""

    val: float = 0.2
    views: int = 1
    augment: Augment = Augment()
    class_weight: ClassWeight | None = None
    c: float | None = None
    seed: int = 0
    threads: int = 1
    strict: bool = False


def finetune_head(
    net: AnyNetwork,
    images: TrainingImages,
    preparation: Preparation,
    settings: HeadSettings,
    make_network: MakeNetwork[AnyNetwork],
    progress: Progress,
) -> FineTuned[AnyNetwork]:
    """Fit a new head.

    Parameters
    ----------
    net : AlexNet
    images : TrainingImages
    preparation : Preparation
        With one view of an image.
    settings : HeadSettings
    make_network : callable
    progress : callable

    Raises
    ------
    ImageError
        With `strict`, an image cannot be read; or there is no image left of a class.
    """
    layer = features_layer(net.variant)
    noted = trained_on(images.classes, preparation, net.variant)
    plain = image_features(
        net, images.paths, layer, preparation, threads=settings.threads, progress=progress
    )
    if plain.skipped and settings.strict:
        raise ImageError(plain.skipped[0].error)
    parts = images.parts(plain.indices.tolist(), settings.val, settings.seed)
    rows = _Rows(plain.values, plain.indices)
    values, owners = rows.of(parts.train), parts.train
    if settings.views > 1:
        augmented = augmented_features(
            net,
            [images.paths[i] for i in parts.train],
            layer,
            preparation,
            views=settings.views - 1,
            augment=settings.augment,
            seed=settings.seed,
            threads=settings.threads,
            progress=progress,
        )
        values = np.concatenate([values, augmented.values])
        owners = np.concatenate([owners, parts.train[augmented.indices]])
    labels = images.labels
    head = _fit(values, owners, labels, images, parts, settings)
    progress("head", 1, 1)
    variant, name = with_new_head(net.variant, len(images.classes))
    weights = {
        tensor: array
        for tensor, array in net.weights.items()
        if tensor in variant.parameter_shapes() and not tensor.startswith(f"{name}.")
    }
    weights |= {f"{name}.weight": head.layer.weight, f"{name}.bias": head.layer.bias}
    tuned = make_network(variant, weights, noted)
    evaluation = _evaluate(head, rows, parts.val, labels, images)
    trained = _evaluate(head, rows, parts.train, labels, images)
    history = {
        "loss": list(head.minimum.values),
        "C": [c for c, _ in head.tried],
        "C_accuracy": [accuracy for _, accuracy in head.tried],
    }
    return FineTuned(
        tuned,
        evaluation,
        trained.top1,
        evaluation.top1,
        history,
        len(parts.train),
        tuple(plain.skipped),
        images.left_out,
        parts.duplicates,
        layer,
        head.c,
    )


def trained_on(classes: tuple[str, ...], preparation: Preparation, variant: Variant) -> TrainedOn:
    """Return what a weight file of a variant has to say of a training.

    Raises
    ------
    ValueError
        The preset is a variation of a named one, or another's "as-is" than the variant's, or the
        mean of grey images another than the preset's, which no file can tell.
    """
    preset = preparation.preset
    if preset.name == "as-is":
        named = get_preset(variant.preset).as_is()
    else:
        named = get_preset(preset.name)
    named = named.with_input_size(preset.crop_size)
    if preset.channels == 1:
        named = named.grey()
    if named != preset:
        raise ValueError(
            f"preset: {preset.name!r} has been changed, and a weight file can only name a preset"
        )
    if not preparation.one_mean:
        return TrainedOn(classes, preset.name, MeanImage.of(preparation.mean), preparation.exif)
    mean = tuple(float(value) for value in preparation.mean.ravel())
    own = tuple(float(np.float32(value)) for value in preset.mean)
    if mean != own and len(mean) != 3:
        raise ValueError("mean: of grey images a weight file can only tell that of the preset")
    return TrainedOn(
        classes,
        preset.name,
        None if mean == own else (mean[0], mean[1], mean[2]),
        preparation.exif,
    )


class _Rows:
    """Features by the place of their image among the samples."""

    def __init__(self, values: Float32Array, indices: NDArray[np.intp]) -> None:
        self._values = values
        self._row = {int(index): row for row, index in enumerate(indices)}

    def of(self, places: NDArray[np.intp]) -> Float32Array:
        """Return the features of some images."""
        return self._values[[self._row[int(place)] for place in places]]


def _fit(
    values: Float32Array,
    owners: NDArray[np.intp],
    labels: NDArray[np.intp],
    images: TrainingImages,
    parts: Parts,
    settings: HeadSettings,
) -> FittedHead:
    """Fit a head to the features of the images `owners`, the first of which are plain views."""
    n_classes = len(images.classes)
    own = labels[owners]
    weights = balanced_weights(own, n_classes) if settings.class_weight == "balanced" else None
    problem = make_problem(values, own, n_classes, weights)
    nothing = np.empty(0, np.intp)
    if settings.c is not None:
        return fit_head(problem, own, (nothing, nothing), (settings.c,))
    samples = [images.samples[i] for i in parts.train]
    inner = split_samples(samples, INNER_SHARE, seed=settings.seed)
    fitted = np.flatnonzero(np.isin(owners, parts.train[list(inner.train)]))
    return fit_head(problem, own, (fitted, np.array(inner.val, np.intp)))


def _evaluate(
    head: FittedHead,
    rows: _Rows,
    places: NDArray[np.intp],
    labels: NDArray[np.intp],
    images: TrainingImages,
) -> Evaluation:
    """Measure a head on some images."""
    y: Array = rows.of(places) @ head.layer.weight.T.astype(np.float64) + head.layer.bias
    y -= y.max(axis=1, keepdims=True)
    np.exp(y, out=y)
    probabilities = y / y.sum(axis=1, keepdims=True)
    paths = [images.samples[i].path for i in places]
    return measure(probabilities, labels[places], paths, images.classes)
