"""The weights that a network begins with, by the names of those who chose them."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.network import Variant
from alexnet_cy.training.data.random_numbers import Stream, normals, uniforms

__all__ = ["INITIALISATIONS", "RAW_PIXEL_DEVIATION", "initial_weights"]

INITIALISATIONS = ("he", "paper", "caffe", "caffenet", "torch")
"""he: normal, of variance 2 / inputs (He et al. 2015, equation 10), the last layer 0.01; biases 0.
paper: normal, 0.01; biases 1 in the layers below, 0 in the others (section 5).
caffe: normal, 0.01, fc6 and fc7 0.005; biases 0.1 and 0 (models/bvlc_alexnet/train_val.prototxt).
caffenet: the same, but biases 1 in place of 0.1 (models/bvlc_reference_caffenet).
torch: uniform in +-1 / sqrt(inputs), weights and biases (torch.nn.Linear.reset_parameters)."""

POSITIVE_BIASES = ("conv2", "conv4", "conv5", "fc6", "fc7")

LAST_LAYER_DEVIATION = 0.01

RAW_PIXEL_DEVIATION = 58.4
"""The standard deviation of ImageNet's pixels of 0..255, 0.229 * 255 (torchvision's figure)."""


def initial_weights(
    variant: Variant, name: str, seed: int, *, input_deviation: float = 1.0
) -> dict[str, Float32Array]:
    """Draw the weights of a network.

    Parameters
    ----------
    variant : Variant
    name : str
        One of `INITIALISATIONS`.
    seed : int
    input_deviation : float
        The standard deviation of the network's input. He's rule is for inputs of deviation 1, so
        "he" divides the first layer's weights by it: `RAW_PIXEL_DEVIATION` for pixels of 0..255.

    Raises
    ------
    ValueError
        There is no such initialisation.
    """
    if name not in INITIALISATIONS:
        raise ValueError(f"init: need one of {', '.join(INITIALISATIONS)}, got {name!r}")
    shapes = variant.parameter_shapes()
    last = list(shapes)[-1].rpartition(".")[0]
    weights = {}
    for number, (tensor, shape) in enumerate(shapes.items()):
        layer, _, kind = tensor.rpartition(".")
        inputs = prod(shapes[f"{layer}.weight"][1:])
        if name == "torch":
            drawn = uniforms(seed, Stream.WEIGHTS, prod(shape), number)
            values = (2 * drawn - 1) / sqrt(inputs)
        elif kind == "bias":
            positive = {"he": 0.0, "paper": 1.0, "caffe": 0.1, "caffenet": 1.0}[name]
            values = np.full(prod(shape), positive if layer in POSITIVE_BIASES else 0.0)
        else:
            values = normals(seed, Stream.WEIGHTS, prod(shape), number)
            values *= _deviation(name, layer, inputs, is_last=layer == last)
        if name == "he" and tensor == next(iter(shapes)):
            values = values / input_deviation
        weights[tensor] = values.reshape(shape).astype(np.float32)
    return weights


def _deviation(name: str, layer: str, inputs: int, *, is_last: bool) -> float:
    if name == "he" and not is_last:
        return sqrt(2 / inputs)
    if name in ("caffe", "caffenet") and layer in ("fc6", "fc7"):
        return 0.005
    return LAST_LAYER_DEVIATION
