"""Weights in TensorFlow's order of axes, written down from its definition, index by index.

The package has these permutations as views (`alexnet_cy.weights.layouts`); here they are einsums
and loops over pixels, so that the two cannot be wrong together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from alexnet_cy.network.variants import Variant


def to_tensorflow(
    variant: Variant, tensors: dict[str, np.ndarray], *, flat_fc6: bool
) -> dict[str, dict[str, np.ndarray]]:
    """Return {"conv1": {"weights": ..., "biases": ...}, ...}; fc6 with two axes or with four."""
    channels, height, width = _fc6_input(variant)
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, values in tensors.items():
        layer, _, kind = name.partition(".")
        if kind == "bias":
            stored = values
        elif layer == "fc6":
            stored = _fc6_channels_last(values, channels, height, width)
            if flat_fc6:
                stored = stored.reshape(height * width * channels, len(values))
        elif values.ndim == 4:
            stored = np.einsum("oihw->hwio", values)
        else:
            stored = np.einsum("oi->io", values)
        layers.setdefault(layer, {})["biases" if kind == "bias" else "weights"] = stored
    return layers


def _fc6_input(variant: Variant) -> tuple[int, int, int]:
    for step in variant.shapes():
        if step.layer.name == "fc6":
            channels, height, width = step.input_shape
            return channels, height, width
    raise ValueError("the variant has no fc6")


def _fc6_channels_last(weight: np.ndarray, channels: int, height: int, width: int) -> np.ndarray:
    stored = np.empty((height, width, channels, len(weight)), weight.dtype)
    for y in range(height):
        for x in range(width):
            stored[y, x] = weight[:, y * width + x :: height * width].T
    return stored
