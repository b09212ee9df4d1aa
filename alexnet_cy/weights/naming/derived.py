"""Tensors that a file does not hold, but what they are computed from.

- pruned (torch.nn.utils.prune): ``weight = weight_orig * weight_mask``
- weight-normed (Salimans and Kingma 2016): ``weight = g * v / |v|``, for each output
- batch-normalised (Ioffe and Szegedy 2015), with ``s = gamma / sqrt(var + eps)``:
  ``weight' = weight * s``, ``bias' = (bias - mean) * s + beta``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.weights.graphs.derived import Computed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BatchNorm", "normed", "pruned"]


def pruned(weight: TensorRef, mask: TensorRef) -> TensorRef:
    """Return the product of a weight and the mask that pruned it, in float32 as torch's."""
    return Computed(weight.shape, np.multiply, weight, mask)


def normed(length: TensorRef, direction: TensorRef) -> TensorRef:
    """Return the weight of which each output's length and direction are given, in float64."""

    def compute(v: NDArray[np.float32], g: NDArray[np.float32]) -> NDArray[np.float64]:
        result = v.astype(np.float64)
        rows = result.reshape(len(result), -1)
        norm = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        rows *= (g.reshape(-1).astype(np.float64) / norm)[:, None]
        return result

    return Computed(direction.shape, compute, direction, length)


class BatchNorm(NamedTuple):
    """The tensors of a batch normalisation, each of one value for a channel.

    Attributes
    ----------
    mean, variance : TensorRef
        Of the training images.
    scale, shift : TensorRef or None
        gamma and beta; 1 and 0 if there are none.
    epsilon : float
        Added to the variance.
    """

    mean: TensorRef
    variance: TensorRef
    scale: TensorRef | None
    shift: TensorRef | None
    epsilon: float

    def factors(self) -> NDArray[np.float64]:
        """Return s = gamma / sqrt(var + eps)."""
        factors = 1 / np.sqrt(self.variance.read().astype(np.float64) + self.epsilon)
        return factors if self.scale is None else factors * self.scale.read()

    def fold(self, bias: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (bias - mean) * s + beta."""
        folded = (bias - self.mean.read().astype(np.float64)) * self.factors()
        return folded if self.shift is None else folded + self.shift.read()
