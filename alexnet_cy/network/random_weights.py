"""Random weights, drawn when they are read."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.network import Variant

__all__ = ["RandomTensor", "random_tensors"]


def random_tensors(variant: Variant, seed: int) -> dict[str, TensorRef]:
    """Return the tensors of a network with He-normal weights and zero biases.

    The standard deviation of a weight is sqrt(2 / inputs of its neuron) (He et al., "Delving deep
    into rectifiers", 2015, equation 10). Tensor number i draws from NumPy's PCG64 stream
    (seed, i), whenever and how often it is read.

    Parameters
    ----------
    variant : Variant
    seed : int
        At least 0.

    Raises
    ------
    TypeError, ValueError
        `seed` is not an integer, or is negative.
    """
    number = as_count(seed, "seed", minimum=0)
    return {
        name: RandomTensor(shape, number, i)
        for i, (name, shape) in enumerate(variant.parameter_shapes().items())
    }


class RandomTensor(TensorRef):
    """Numbers that are drawn anew, the same ones, whenever they are read.

    Parameters
    ----------
    shape : tuple of int
        One axis is a bias, of zeros.
    seed, stream : int
        The seed of NumPy's generator is the two together.
    """

    __slots__ = ("_seed",)

    def __init__(self, shape: tuple[int, ...], seed: int, stream: int) -> None:
        super().__init__(shape, "F32", 4 * prod(shape))
        self._seed = (seed, stream)

    def read(self) -> NDArray[np.float32]:
        """Draw the numbers."""
        if len(self.shape) == 1:
            return np.zeros(self.shape, np.float32)
        weights = np.random.default_rng(self._seed).standard_normal(self.shape, np.float32)
        weights *= np.float32(sqrt(2 / prod(self.shape[1:])))
        return weights
