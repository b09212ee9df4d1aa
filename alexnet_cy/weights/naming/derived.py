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

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BatchNorm",
    "FoldedBias",
    "FoldedWeight",
    "NormedWeight",
    "PrunedWeight",
    "ScaledTensor",
]


class PrunedWeight(TensorRef):
    """The product of a weight and the mask that pruned it, as torch computes it in float32."""

    __slots__ = ("_mask", "_weight")

    def __init__(self, weight: TensorRef, mask: TensorRef) -> None:
        super().__init__(weight.shape, weight.dtype, weight.stored_bytes + mask.stored_bytes)
        self._weight = weight
        self._mask = mask

    def read(self) -> NDArray[np.float32]:
        """Read both and multiply."""
        with np.errstate(over="ignore", invalid="ignore"):  # the loader refuses what is no number
            return np.multiply(self._weight.read(), self._mask.read())


class NormedWeight(TensorRef):
    """A weight given as the length and the direction of each output's part of it."""

    __slots__ = ("_direction", "_length")

    def __init__(self, length: TensorRef, direction: TensorRef) -> None:
        stored_bytes = length.stored_bytes + direction.stored_bytes
        super().__init__(direction.shape, direction.dtype, stored_bytes)
        self._length = length
        self._direction = direction

    def read(self) -> NDArray[np.float32]:
        """Read both; the arithmetic is in float64."""
        direction = self._direction.read().astype(np.float64)
        rows = direction.reshape(len(direction), -1)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            norm = np.sqrt(np.einsum("ij,ij->i", rows, rows))
            length = self._length.read().reshape(-1).astype(np.float64)
            rows *= (length / norm)[:, None]
            return direction.astype(np.float32)


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
        with np.errstate(divide="ignore", invalid="ignore"):  # a variance may be anything
            factors = 1 / np.sqrt(self.variance.read().astype(np.float64) + self.epsilon)
            return factors if self.scale is None else factors * self.scale.read()

    def fold(self, bias: NDArray[np.float32] | None) -> NDArray[np.float64]:
        """Return (bias - mean) * s + beta."""
        with np.errstate(over="ignore", invalid="ignore"):
            shifted = -self.mean.read().astype(np.float64)
            if bias is not None:
                shifted += bias
            shifted *= self.factors()
            return shifted if self.shift is None else shifted + self.shift.read()


class FoldedWeight(TensorRef):
    """The weight of a layer with the batch normalisation behind it folded in."""

    __slots__ = ("_norm", "_weight")

    def __init__(self, weight: TensorRef, norm: BatchNorm) -> None:
        super().__init__(weight.shape, weight.dtype, weight.stored_bytes)
        self._weight = weight
        self._norm = norm

    def read(self) -> NDArray[np.float32]:
        """Read the weight; the arithmetic is in float64, an output at a time."""
        weight = np.array(self._weight.read())
        factors = self._norm.factors()
        with np.errstate(over="ignore", invalid="ignore"):
            for output, factor in zip(weight, factors, strict=True):
                output[...] = output.astype(np.float64) * factor
        return weight


class FoldedBias(TensorRef):
    """The bias of a layer with the batch normalisation behind it folded in."""

    __slots__ = ("_bias", "_norm")

    def __init__(self, bias: TensorRef | None, norm: BatchNorm) -> None:
        super().__init__(norm.mean.shape, norm.mean.dtype, norm.mean.stored_bytes)
        self._bias = bias
        self._norm = norm

    def read(self) -> NDArray[np.float32]:
        """Read what it is made of; the arithmetic is in float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._norm.fold(None if self._bias is None else self._bias.read()).astype(
                np.float32
            )


class ScaledTensor(TensorRef):
    """A tensor times a power of two, which changes no bit of the fractions."""

    __slots__ = ("_factor", "_tensor")

    def __init__(self, tensor: TensorRef, factor: float) -> None:
        super().__init__(tensor.shape, tensor.dtype, tensor.stored_bytes)
        self._tensor = tensor
        self._factor = np.float32(factor)

    def read(self) -> NDArray[np.float32]:
        """Read and scale."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled: NDArray[np.float32] = self._tensor.read() * self._factor
        return scaled
