"""Networks to run: variants with small fully connected layers, weights, images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray
from support.samples import normal

from alexnet_cy.contracts.tensors import ArrayTensor, TensorRef
from alexnet_cy.network import Linear, Variant, get_variant

Weights = dict[str, NDArray[np.float32]]


# 20 MB; a hundred tests draw the weights of a few narrow networks.
MOST_KEPT_PARAMETERS = 5_000_000


def narrow(name: str = "caffe", width: int = 40, classes: int = 11) -> Variant:
    """Take a variant with `width` neurons in fc6 and fc7: the same trunk, a quick head."""
    variant = get_variant(name).with_num_classes(classes)
    layers = tuple(
        replace(layer, out_features=width)
        if isinstance(layer, Linear) and layer.name != "fc8"
        else layer
        for layer in variant.layers
    )
    return replace(variant, layers=layers)


def random_weights(variant: Variant, seed: int = 0) -> Weights:
    """Draw He-normal weights, and biases that are not zero; the arrays are read-only."""
    draw = _drawn_once if variant.parameter_count < MOST_KEPT_PARAMETERS else _drawn
    return dict(draw(variant, seed))


def _drawn(variant: Variant, seed: int) -> Weights:
    weights = {}
    for number, (key, shape) in enumerate(variant.parameter_shapes().items()):
        scale = sqrt(2 / prod(shape[1:])) if key.endswith("weight") else 0.1
        weights[key] = normal(1000 * seed + number, *shape) * np.float32(scale)
        weights[key].flags.writeable = False
    return weights


_drawn_once = lru_cache(maxsize=16)(_drawn)


def images(variant: Variant, count: int = 1, seed: int = 1) -> NDArray[np.float32]:
    """Draw images in the range that the variant's preprocessing gives."""
    deviation = 50 if variant.preset == "caffe" else 1
    size = variant.input_size
    return normal(seed, count, 3, size, size) * np.float32(deviation)


class WatchedTensor(ArrayTensor):
    """An array that calls `on_read` whenever it is read."""

    def __init__(self, array: NDArray[np.float32], on_read: Callable[[], object]) -> None:
        super().__init__(array)
        self.on_read = on_read

    def read(self) -> NDArray[np.float32]:
        self.on_read()
        return super().read()


def tensors(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, TensorRef]:
    """Wrap arrays as a reader of files does."""
    return {name: ArrayTensor(array) for name, array in weights.items()}
