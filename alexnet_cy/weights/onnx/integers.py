"""The few integers of a graph that exporters compute: shapes and padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.weights.onnx.constants import tensor_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alexnet_cy.weights.onnx.graph import Graph
    from alexnet_cy.weights.onnx.node import Node

__all__ = ["Integers"]

_MAX_DEPTH = 12
_MAX_NUMBERS = 32
_INT64 = 7  # TensorProto.DataType


class Integers:
    """The values of a graph that are a few integers, each computed once.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, NDArray[np.int64] | None] = {}

    def evaluate(self, value: str, depth: int = _MAX_DEPTH) -> NDArray[np.int64] | None:
        """Compute a value.

        Parameters
        ----------
        value : str
        depth : int
            How many nodes there may be behind one another.

        Returns
        -------
        ndarray of int64, or None
            None if it depends on an image, or on an op that no exporter uses for this.

        Raises
        ------
        WeightsError
            A tensor of the file is not sound.
        """
        if value not in self._known:
            self._known[value] = self._compute(value, depth)
        return self._known[value]

    def _compute(self, value: str, depth: int) -> NDArray[np.int64] | None:
        tensor = self._graph.tensor(value)
        if tensor is not None:
            if tensor.integers is None:
                return None
            return np.array(tensor.integers, np.int64).reshape(tensor.shape)
        node = self._graph.producer(value)
        if node is None or depth == 0 or len(node.inputs) > _MAX_NUMBERS:
            return None
        if node.op == "Constant":
            listed = node.integers("value_ints", ())
            return np.array(listed[:_MAX_NUMBERS], np.int64) if listed else None
        if node.op not in _OPS:
            return None
        filler = node.tensor("value") if node.op == "ConstantOfShape" else None
        if filler is not None and any(tensor_constant(self._graph.file, filler).integers or (1,)):
            return None
        inputs = [self.evaluate(name, depth - 1) for name in node.inputs]
        known = [array for array in inputs if array is not None]
        if not known or len(known) < len(inputs):
            return None
        try:
            result: NDArray[np.int64] = _apply(node, known)
        except (ValueError, TypeError, IndexError):  # the numbers do not go together
            return None
        return result if result.size <= _MAX_NUMBERS else None


_OPS = frozenset(
    {
        *("Cast", "Concat", "ConstantOfShape", "Identity", "Reshape", "Slice", "Squeeze"),
        *("Transpose", "Unsqueeze"),
    }
)


def _apply(node: Node, inputs: list[NDArray[np.int64]]) -> Any:
    """Compute one node, as its op is defined in onnx/docs/Operators.md."""
    first, *rest = inputs
    match node.op:
        case "Concat":
            return np.concatenate(inputs, axis=node.integer("axis", 0))
        case "Reshape":
            return first.reshape(rest[0].tolist())
        case "Transpose":
            return first.transpose(node.integers("perm", tuple(range(first.ndim))[::-1]))
        case "Unsqueeze":
            return first.reshape(-1) if first.ndim == 0 else np.expand_dims(first, (0,))
        case "Squeeze":
            return first.squeeze()
        case "Slice":
            starts, ends, axes, steps = (part.reshape(-1).tolist() for part in rest)
            window = [slice(None)] * first.ndim
            for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
                # An end far before the first element, with a negative step, is the first element.
                stop = None if step < 0 and end < -first.shape[axis] else end
                window[axis] = slice(start, stop, step)
            return first[tuple(window)]
        case "ConstantOfShape":
            sizes = first.reshape(-1).tolist()
            if any(not 0 <= size <= _MAX_NUMBERS for size in sizes) or len(sizes) > 1:
                raise ValueError("too many numbers")
            return np.zeros(sizes, np.int64)
        case "Cast" if node.integer("to", 0) != _INT64:
            raise ValueError("no integers")
        case _:
            return first
