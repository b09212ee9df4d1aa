"""Networks for the tests of the readers: random tensors of any variant, and variants of 2 KB."""

from __future__ import annotations

from dataclasses import replace
from math import prod, sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax
from alexnet_cy.network.variants import get_variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.network.variants import Variant

# Kernels that are not square, and channel counts that differ from the number of pixels, show up a
# reader that swaps axes; 470 parameters, so that thousands of mutated files take seconds.
_CAFFE = (
    Conv("conv1", 4, (3, 3), stride=(2, 2)),
    LRN("norm1"),
    MaxPool("pool1"),
    Conv("conv2", 4, (3, 3), padding=((1, 1), (1, 1)), groups=2),
    LRN("norm2"),
    MaxPool("pool2"),
    Conv("conv3", 4, (1, 3), padding=((0, 0), (1, 1))),
    Conv("conv4", 4, (3, 1), padding=((1, 1), (0, 0)), groups=2),
    Conv("conv5", 6, (1, 1), groups=2),
    MaxPool("pool5"),
    Linear("fc6", 6),
    Linear("fc7", 5),
    Linear("fc8", 3, relu=False),
    Softmax("prob"),
)
_INPUT_SIZE = 47  # 47-23-11-5-2: fc6 has 6*2*2 inputs


def _tiny(name: str, layers: tuple[object, ...], input_size: int = _INPUT_SIZE) -> Variant:
    variant = replace(get_variant(name), layers=layers, input_size=input_size)
    return replace(variant, parameters=variant.parameter_count)


def _ungrouped() -> tuple[object, ...]:
    return tuple(replace(x, groups=1) if isinstance(x, Conv) else x for x in _CAFFE)


def _caffenet() -> tuple[object, ...]:
    first, norm1, pool1, second, norm2, pool2, *rest = _CAFFE
    return (first, pool1, norm1, second, pool2, norm2, *rest)


def _heuritech() -> tuple[object, ...]:
    layers = [replace(x, ceil_mode=False) if isinstance(x, MaxPool) else x for x in _caffenet()]
    layers[0] = replace(layers[0], stride=(4, 4))
    return tuple(
        replace(x, k=2.0, divide_alpha_by_size=False) if isinstance(x, LRN) else x for x in layers
    )


def _torchvision() -> tuple[object, ...]:
    layers = [x for x in _ungrouped() if not isinstance(x, LRN)]
    layers = [replace(x, ceil_mode=False) if isinstance(x, MaxPool) else x for x in layers]
    layers[0] = replace(layers[0], out_channels=5)
    place = [x.name for x in layers].index("pool5") + 1
    return (*layers[:place], AdaptiveAvgPool("avgpool", (2, 2)), *layers[place:])


TINY: Mapping[str, Variant] = MappingProxyType(
    {
        "caffe": _tiny("caffe", _CAFFE),
        "caffenet": _tiny("caffenet", _caffenet()),
        "ungrouped": _tiny("ungrouped", _ungrouped()),
        "torchvision": _tiny("torchvision", _torchvision()),
        # 95-24-11-5-2
        "heuritech": replace(_tiny("caffenet", _heuritech(), 95), name="caffenet-like"),
    }
)
"""Variants of 2 KB by the name of the one that each stands for."""


def widened(variant: Variant, fc6: int, fc7: int) -> Variant:
    """Return the variant with so many neurons: fc7 is nearly all of it."""
    sizes = {"fc6": fc6, "fc7": fc7}
    layers = (
        replace(layer, out_features=sizes[layer.name]) if layer.name in sizes else layer
        for layer in variant.layers
    )
    return replace(variant, layers=tuple(layers))


def random_tensors(
    variant: str | Variant, num_classes: int | None = None, seed: int = 0
) -> dict[str, np.ndarray]:
    """Random weights and biases of a variant.

    Parameters
    ----------
    variant : str or Variant
        The name of one of the full-size networks, or a variant, such as one of `TINY`.
    num_classes : int, optional
        Other than the variant's own.
    seed : int
        The same seed gives the same tensors.

    Returns
    -------
    dict of str to float32 array
        "conv1.weight" ... "fc8.bias", He-scaled, biases around 0.1, in canonical layout.
    """
    network = get_variant(variant) if isinstance(variant, str) else variant
    if num_classes is not None:
        network = network.with_num_classes(num_classes)
    generator = np.random.default_rng(seed)
    tensors = {}
    for name, shape in network.parameter_shapes().items():
        values = generator.standard_normal(shape, dtype=np.float32)
        if name.endswith(".weight"):
            values *= np.float32(sqrt(2 / prod(shape[1:])))
        else:
            values *= np.float32(0.05)
            values += np.float32(0.1)
        tensors[name] = values
    return tensors
