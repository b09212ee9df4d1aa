"""Every variant knows ten images by heart after a few steps: the best test of a backward pass."""

import numpy as np
import pytest

from alexnet_cy import AlexNet
from alexnet_cy.images.preparation import make_preparation
from alexnet_cy.network import VARIANTS
from alexnet_cy.training.loop.initial import RAW_PIXEL_DEVIATION, initial_weights
from alexnet_cy.training.loop.sgd import SGD
from alexnet_cy.training.loop.sources import PixelSource
from alexnet_cy.training.loop.trainer import Trainer
from alexnet_cy.training.step.network import TrainingNetwork

IMAGES = 10


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_ten_images_are_known_by_heart(name):
    variant = VARIANTS[name].with_num_classes(IMAGES)
    preset = "torchvision-warp" if variant.preset == "torchvision" else "warp"
    preparation = make_preparation(preset, input_size=variant.input_size)
    deviation = RAW_PIXEL_DEVIATION if preparation.preset.subtracts_mean_only else 1.0
    size = variant.input_size
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (IMAGES, 12, 12, 3), np.uint8)
    pixels = coarse.repeat(-(-size // 12), axis=1).repeat(-(-size // 12), axis=2)[:, :size, :size]
    weights = initial_weights(variant, "he", 0, input_deviation=deviation)
    trainer = Trainer(
        TrainingNetwork(variant, weights),
        SGD(0.001, lr_mult={"conv1.weight": deviation**-2}),
        batch_size=IMAGES,
        warmup=10,
    )
    source = PixelSource(np.ascontiguousarray(pixels), np.arange(IMAGES), preparation)
    history = trainer.fit(source, source, 30)
    assert history["val_accuracy"][-1] == 1
    trained = AlexNet(variant, trainer.network.weights())
    x = source.batch(np.arange(IMAGES), 0, 0)
    assert trained.forward(x).argmax(axis=1).tolist() == list(range(IMAGES))
