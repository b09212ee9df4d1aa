"""Tensors that are computed from those of a file, when they are read."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Changed", "Filled", "Joined"]


class Changed(TensorRef):
    """What a function makes of a tensor.

    Parameters
    ----------
    tensor : TensorRef
    shape : tuple of int
        Of what the function returns.
    change : callable
        Takes the array, and returns another, which is rounded to float32.
    """

    __slots__ = ("_change", "_tensor")

    def __init__(
        self,
        tensor: TensorRef,
        shape: tuple[int, ...],
        change: Callable[[NDArray[np.float32]], NDArray[Any]],
    ) -> None:
        super().__init__(shape, tensor.dtype, tensor.stored_bytes)
        self._tensor = tensor
        self._change = change

    def read(self) -> NDArray[np.float32]:
        """Read the tensor and change it."""
        with np.errstate(over="ignore", invalid="ignore"):  # the loader refuses what is no number
            return np.ascontiguousarray(self._change(self._tensor.read()), np.float32)


class Joined(TensorRef):
    """Tensors behind one another along the first axis."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[TensorRef]) -> None:
        first = parts[0]
        shape = (sum(part.shape[0] for part in parts), *first.shape[1:])
        super().__init__(shape, first.dtype, sum(part.stored_bytes for part in parts))
        self._parts = tuple(parts)

    def read(self) -> NDArray[np.float32]:
        """Read all of them."""
        return np.concatenate([part.read() for part in self._parts])


class Filled(TensorRef):
    """One number for every element."""

    __slots__ = ("_value",)

    def __init__(self, shape: tuple[int, ...], value: float) -> None:
        super().__init__(shape, "F32", 4 * min(1, prod(shape)))
        self._value = value

    def read(self) -> NDArray[np.float32]:
        """Make the array."""
        return np.full(self.shape, self._value, np.float32)
