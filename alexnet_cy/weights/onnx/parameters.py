"""The weights and biases that the nodes of an ONNX graph take, with what is done to them first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from alexnet_cy.weights.graphs.derived import Filled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.onnx.tensors import OnnxTensor

__all__ = ["FilledTensor", "Parameter"]


@dataclass(frozen=True, slots=True)
class FilledTensor:
    """What ConstantOfShape makes: one number everywhere.

    Attributes
    ----------
    shape : tuple of int
    value : float
    """

    shape: tuple[int, ...]
    value: float

    def as_weight(self, shape: tuple[int, ...], *, transposed: bool = False) -> TensorRef:
        """Return it as the weight or bias of a layer; see `OnnxTensor.as_weight`."""
        return Filled(shape[::-1] if transposed else shape, self.value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tensor of the file and the changes of its shape on the way to the node that takes it.

    Attributes
    ----------
    tensor : OnnxTensor or FilledTensor
        The tensor of the file, or one that the graph fills with a number.
    stored_shape : tuple of int
        The shape that its numbers have there, reshaped.
    is_transposed : bool
        Whether the node takes that, a matrix, transposed.
    """

    tensor: OnnxTensor | FilledTensor
    stored_shape: tuple[int, ...]
    is_transposed: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the node takes."""
        return self.stored_shape[::-1] if self.is_transposed else self.stored_shape

    def transposed(self) -> Parameter:
        """Return the parameter, a matrix, transposed."""
        return replace(self, is_transposed=not self.is_transposed)

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
            The shape does not have as many elements, or the parameter is transposed, which no
            program writes.
        """
        shape = [
            self.shape[axis] if size == 0 and not allow_zero and axis < len(self.shape) else size
            for axis, size in enumerate(target)
        ]
        if shape.count(-1) == 1:
            others = -prod(shape)
            place = shape.index(-1)
            shape[place] = prod(self.shape) // others if others > 0 else -1
        if min(shape, default=0) < 0 or prod(shape) != prod(self.shape) or self.is_transposed:
            raise ValueError(f"a tensor of shape {self.shape} cannot become {tuple(target)}")
        return replace(self, stored_shape=tuple(shape))

    def reference(self) -> TensorRef:
        """Return the parameter as a tensor of the network; see `OnnxTensor.as_weight`."""
        return self.tensor.as_weight(self.stored_shape, transposed=self.is_transposed)
