"""`AlexNet.train`: a whole training, from folders of images."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import Variant
from alexnet_cy.training.data.folder import ImageFolder
from alexnet_cy.training.data.parts import TrainingImages
from alexnet_cy.training.finetuning import FineTuned
from alexnet_cy.training.head.features import Progress
from alexnet_cy.training.head.finetune import ClassWeight, trained_on
from alexnet_cy.training.loop.initial import RAW_PIXEL_DEVIATION, initial_weights
from alexnet_cy.training.loop.recipes import Recipe
from alexnet_cy.training.loop.schedules import EarlyStopping
from alexnet_cy.training.loop.session import LoopSettings, learn, pixel_data
from alexnet_cy.training.loop.telling import StepReport
from alexnet_cy.training.network import AnyNetwork, MakeNetwork

if TYPE_CHECKING:
    from alexnet_cy.images.preparation import Preparation

__all__ = ["TrainArguments", "train"]


@record(frozen=True, slots=True)
class TrainArguments:
    """What `AlexNet.train` was given besides the folder, the network and the images' preparation.

    Attributes
    ----------
    recipe : Recipe
    out, val_folder : path-like or None
    val : float
    class_weight, group_by, early_stopping
        As of `AlexNet.train`.
    seed, threads, batch_block : int or None
    resume, strict : bool
    time_limit_s : float or None
    """

    recipe: Recipe
    out: str | os.PathLike[str] | None
    val: float
    val_folder: str | os.PathLike[str] | None
    class_weight: ClassWeight | None
    group_by: str | None
    early_stopping: EarlyStopping | None
    seed: int
    threads: int | None
    batch_block: int | None
    resume: bool
    strict: bool
    time_limit_s: float | None


def train(
    folder: str | os.PathLike[str] | ImageFolder,
    variant: Variant,
    preparation: Preparation,
    make_network: MakeNetwork[AnyNetwork],
    arguments: TrainArguments,
    progress: Progress,
    on_step: Callable[[StepReport], None] | None,
) -> FineTuned[AnyNetwork]:
    """Train a network from its first weights on."""
    class_weight = arguments.class_weight
    if class_weight not in (None, "balanced"):
        raise ValueError(f"class_weight: need None or 'balanced', got {class_weight!r}")
    images = TrainingImages(folder, arguments.val_folder, group_by=arguments.group_by)
    images.check_apart(arguments.out, "out")
    variant = variant.with_num_classes(len(images.classes))
    trained = trained_on(images.classes, preparation, variant)
    seed = as_count(arguments.seed, "seed", minimum=0)
    recipe, deviation = arguments.recipe, 1.0
    if recipe.init == "he" and preparation.preset.subtracts_mean_only:
        recipe, deviation = _for_raw_pixels(recipe, variant), RAW_PIXEL_DEVIATION
    weights = initial_weights(variant, recipe.init, seed, input_deviation=deviation)
    recipe.augment.check()
    settings = LoopSettings(
        recipe,
        "all",
        class_weight,
        arguments.early_stopping,
        seed,
        resolve_threads(arguments.threads),
        arguments.batch_block,
        arguments.out,
        arguments.resume,
        arguments.time_limit_s,
        on_step,
    )
    data = pixel_data(
        images, preparation, settings, arguments.val, strict=arguments.strict, progress=progress
    )

    def make(learnt: Mapping[str, Any]) -> AnyNetwork:
        return make_network(variant, learnt, trained)

    outcome = learn(variant, weights, data, images.classes, settings, make)
    return FineTuned(
        make(outcome.weights),
        outcome.evaluation,
        outcome.train_accuracy,
        None,
        outcome.history,
        len(data.parts.train),
        tuple(data.skipped),
        images.left_out,
        data.parts.duplicates,
        "",
        None,
    )


def _for_raw_pixels(recipe: Recipe, variant: Variant) -> Recipe:
    """Return the recipe with the rate that the first layer's weights need for pixels of 0..255.

    Weights W / d on inputs d x give what W gives on x, and a gradient that is d times as large: a
    rate of 1 / d^2 moves them as W would move. Without it the loss is NaN, or stays at ln(classes).
    """
    first = next(iter(variant.parameter_shapes()))
    own = {first: 1 / RAW_PIXEL_DEVIATION**2}
    return replace(recipe, sgd=replace(recipe.sgd, lr_mult={**own, **recipe.sgd.lr_mult}))
