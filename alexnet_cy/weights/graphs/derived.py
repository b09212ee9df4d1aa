"""Tensors that are computed from those of a file, when they are read."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Computed", "Filled", "joined", "scaled"]


class Computed(TensorRef):
    """What a function makes of tensors.

    Parameters
    ----------
    shape : tuple of int
        Of what the function returns.
    compute : callable
        Takes the arrays, and returns another, which is rounded to float32.
    *tensors : TensorRef
        At least one.
    """

    __slots__ = ("_compute", "_tensors")

    def __init__(
        self, shape: tuple[int, ...], compute: Callable[..., NDArray[Any]], *tensors: TensorRef
    ) -> None:
        stored_bytes = sum(tensor.stored_bytes for tensor in tensors)
        super().__init__(shape, tensors[0].dtype, stored_bytes)
        self._compute = compute
        self._tensors = tensors

    def read(self) -> NDArray[np.float32]:
        """Read the tensors and compute."""
        with np.errstate(all="ignore"):  # the loader refuses what is no number
            result = self._compute(*(tensor.read() for tensor in self._tensors))
            return np.ascontiguousarray(result, np.float32)


class Filled(TensorRef):
    """One number for every element."""

    __slots__ = ("_value",)

    def __init__(self, shape: tuple[int, ...], value: float) -> None:
        super().__init__(shape, "F32", 4 * min(1, prod(shape)))
        self._value = value

    def read(self) -> NDArray[np.float32]:
        """Make the array."""
        return np.full(self.shape, self._value, np.float32)


def joined(parts: Sequence[TensorRef]) -> TensorRef:
    """Return tensors behind one another along the first axis."""
    shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
    return Computed(shape, lambda *arrays: np.concatenate(arrays), *parts)


def scaled(weight: TensorRef, factors: Callable[[], NDArray[np.float64]]) -> TensorRef:
    """Return a weight whose outputs are multiplied by a factor each.

    The arithmetic is in float64, an output at a time, so that fc6 does not need twice its memory.
    """

    def multiply(array: NDArray[np.float32]) -> NDArray[np.float32]:
        result = np.array(array)
        for output, factor in zip(result, factors(), strict=True):
            output[...] = output.astype(np.float64) * factor
        return result

    return Computed(weight.shape, multiply, weight)
