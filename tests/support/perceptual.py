"""LPIPS' trunk with random weights, images to compare, and LPIPS in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.network.random_weights import random_tensors
from alexnet_cy.oracle import network, perceptual
from alexnet_cy.perceptual.trunk import LAYERS, trunk_variant

Weights = dict[str, NDArray[np.float32]]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def random_trunk(seed: int) -> Weights:
    """Draw the weights of the convolutions; biases that are not zero among them."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, tensor in random_tensors(trunk_variant(), seed).items():
        weights[name] = tensor.read()
        if name.endswith("bias"):
            weights[name] = rng.normal(0, 0.1, tensor.shape).astype(np.float32)
    return weights


def random_images(seed: int, count: int, height: int = 64, width: int = 64) -> NDArray[np.uint8]:
    """Draw images of 8 bits, (N, H, W, 3), with structure at several scales."""
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 255, (count, height, width, 3))
    for size in (8, 24):
        rows, columns = -(-height // size), -(-width // size)
        coarse = rng.uniform(0, 255, (count, rows, columns, 3))
        image += coarse.repeat(size, 1).repeat(size, 2)[:, :height, :width]
    return (image / 3).astype(np.uint8)


def exact_maps(
    trunk: Weights,
    linear: dict[str, NDArray[np.float32]],
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    version: str = "0.1",
) -> list[NDArray[np.float64]]:
    """Compute LPIPS of a pair, (H, W, 3), by definition: the distances of conv1 to conv5."""
    pixels = np.stack([a, b]).transpose(0, 3, 1, 2)
    x = pixels / 127.5 - 1
    if version == "0.1":  # torchvision's constants, where LPIPS has its own, which are the same
        x = (pixels / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    values = network.forward(trunk_variant(), trunk, x, list(LAYERS))
    return [
        perceptual.unit_distance(v[:1], v[1:], linear[layer], 1e-10)[0]
        for layer, v in values.items()
    ]
