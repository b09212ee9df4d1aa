"""What the graphs of all formats are made of, in the terms of network.specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from alexnet_cy.network.bounds import MAX_LAYERS
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax
from alexnet_cy.weights.graphs.derived import Filled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.network.windows import Padding, Pair

__all__ = [
    "MAX_CHANNELS",
    "MAX_STEPS",
    "Affine",
    "AveragePool",
    "Flatten",
    "Relu",
    "Step",
    "Weighted",
    "batch_norm",
]

MAX_CHANNELS = 1 << 15
"""The most channels that a graph has arithmetic for; AlexNet's widest layers have 4096."""

MAX_STEPS = 4 * MAX_LAYERS
"""The most steps of a graph: each layer with a ReLU and some arithmetic."""


class Weighted(NamedTuple):
    """A convolution or a fully connected layer with its numbers.

    Attributes
    ----------
    where : str
        What errors call it.
    spec : Conv or Linear
        Without a ReLU; its name does not matter.
    weight : TensorRef
        (O, I / groups, kh, kw), or (out, in) with the inputs in the order of the file's image.
    bias : TensorRef or None
    channels_last : bool
        Whether the inputs of a fully connected layer are in the order row, column, channel.
    """

    where: str
    spec: Conv | Linear
    weight: TensorRef
    bias: TensorRef | None
    channels_last: bool = False

    def biases(self) -> TensorRef:
        """Return the bias, zeros if there is none."""
        return Filled(self.weight.shape[:1], 0.0) if self.bias is None else self.bias


class AveragePool(NamedTuple):
    """An average over windows; over the whole image if the kernel is None."""

    where: str
    kernel_size: Pair | None
    stride: Pair = (1, 1)
    padding: Padding = ((0, 0), (0, 0))


class Relu(NamedTuple):
    """max(0, x)."""

    where: str


class Flatten(NamedTuple):
    """From images to vectors."""


class Affine(NamedTuple):
    """``y[c] = factors[c] * x[c] + shifts[c]``, channel by channel.

    Attributes
    ----------
    where : str
    factors, shifts : ndarray of float64, shape (C,) or (1,)
    averaged : bool
        Whether each shift is the average of those of all pixels, which differ.
    """

    where: str
    factors: NDArray[np.float64]
    shifts: NDArray[np.float64]
    averaged: bool = False


def batch_norm(
    where: str,
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    epsilon: float,
    scale: NDArray[np.float64] | float = 1.0,
    shift: NDArray[np.float64] | float = 0.0,
) -> Affine:
    """``y = (x - mean) * scale / sqrt(variance + epsilon) + shift``, in float64."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # `build` refuses these
        factors = scale / np.sqrt(variance + epsilon)
        return Affine(where, factors, shift - mean * factors)


Step: TypeAlias = (
    Weighted | AveragePool | Relu | Flatten | Affine | LRN | MaxPool | AdaptiveAvgPool | Softmax
)
