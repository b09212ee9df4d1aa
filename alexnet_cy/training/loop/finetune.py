"""Fine-tuning of more layers than the last, which has been fitted to the network as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alexnet_cy.network import Linear
from alexnet_cy.training.data.parts import TrainingImages
from alexnet_cy.training.finetuning import FineTuned
from alexnet_cy.training.head.features import Progress, image_features
from alexnet_cy.training.loop.session import LoopSettings, feature_data, learn, pixel_data
from alexnet_cy.training.network import AnyNetwork, MakeNetwork

if TYPE_CHECKING:
    from alexnet_cy.images.preparation import Preparation

__all__ = ["finetune_layers"]


def finetune_layers(
    frozen: FineTuned[AnyNetwork],
    images: TrainingImages,
    preparation: Preparation,
    settings: LoopSettings,
    val: float,
    make_network: MakeNetwork[AnyNetwork],
    progress: Progress,
) -> FineTuned[AnyNetwork]:
    """Train further, from a network whose head has been fitted.

    Starting from a fitted head keeps the other layers from following the gradients of a random one
    (Kumar et al., "Fine-tuning can distort pretrained features", 2022, section 3.4).

    Parameters
    ----------
    frozen : FineTuned
    images, preparation, val, make_network, progress
        As for `finetune_head`.
    settings : LoopSettings
    """
    net = frozen.net
    variant, trained = net.variant, net.trained_on

    def make(weights: Mapping[str, Any]) -> AnyNetwork:
        return make_network(variant, weights, trained)

    if settings.trainable == "fc":
        names = [layer.name for layer in variant.layers]
        first = next(layer.name for layer in variant.layers if isinstance(layer, Linear))
        before = names[names.index(first) - 1]
        found = image_features(
            net, images.paths, before, preparation, threads=settings.threads, progress=progress
        )
        parts = images.parts(found.indices.tolist(), val, settings.seed)
        data = feature_data(images, found.values, found.indices, parts, found.skipped)
    else:
        data = pixel_data(images, preparation, settings, val, strict=False, progress=progress)
    weights = dict(net.weights.items())
    outcome = learn(variant, weights, data, images.classes, settings, make)
    return FineTuned(
        make(outcome.weights),
        outcome.evaluation,
        outcome.train_accuracy,
        frozen.frozen_accuracy,
        outcome.history,
        frozen.train_images,
        frozen.skipped,
        frozen.left_out,
        frozen.duplicates,
        frozen.layer,
        frozen.c,
    )
