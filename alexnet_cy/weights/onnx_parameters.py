"""The weights and biases that the nodes of an ONNX graph take, with what is done to them first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .onnx_tensors import OnnxTensor

__all__ = ["Parameter"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tensor of the file and the changes of its shape on the way to the node that takes it.

    Attributes
    ----------
    tensor : OnnxTensor
        The tensor of the file.
    shape : tuple of int
        After the changes.
    changes : tuple of callable
        Each takes an array and returns it transposed or reshaped.
    """

    tensor: OnnxTensor
    shape: tuple[int, ...]
    changes: tuple[Callable[[NDArray[Any]], NDArray[Any]], ...] = ()

    def transposed(self) -> Parameter:
        """Return the parameter, a matrix, transposed."""
        return replace(self, shape=self.shape[::-1], changes=(*self.changes, np.transpose))

    def reshaped(self, target: Sequence[int], *, allow_zero: bool = False) -> Parameter:
        """Return the parameter in another shape, by the rule of ONNX's Reshape.

        Parameters
        ----------
        target : sequence of int
            -1 stands for what is left, 0 for the size of the same axis before, unless `allow_zero`.
        allow_zero : bool
            0 means 0.

        Raises
        ------
        ValueError
            The shape does not have as many elements.
        """
        shape = [
            self.shape[axis] if size == 0 and not allow_zero and axis < len(self.shape) else size
            for axis, size in enumerate(target)
        ]
        if shape.count(-1) == 1:
            others = -prod(shape)
            place = shape.index(-1)
            shape[place] = prod(self.shape) // others if others > 0 else -1
        if min(shape, default=0) < 0 or prod(shape) != prod(self.shape):
            raise ValueError(f"a tensor of shape {self.shape} cannot become {tuple(target)}")
        change = partial(np.reshape, shape=tuple(shape))
        return replace(self, shape=tuple(shape), changes=(*self.changes, change))

    def read(self) -> NDArray[np.float32]:
        """Read the numbers as a C-contiguous float32 array of `shape`; see `OnnxTensor.read`."""
        array = self.tensor.read()
        for change in self.changes:
            array = change(array)
        return np.ascontiguousarray(array)
