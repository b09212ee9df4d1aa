"""An ONNX graph as names: who makes each value, who takes it, which values are constants."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.graphs.derived import Filled
from alexnet_cy.weights.onnx.constants import MAX_RANK, Constant, tensor_constant
from alexnet_cy.weights.onnx.integers import Integers
from alexnet_cy.weights.onnx.messages import DATA_TYPES
from alexnet_cy.weights.onnx.node import Node, quoted
from alexnet_cy.weights.stored_floats import FLOAT_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["Graph"]

# From a tensor of the file to the node that takes it: Identity, Cast, Reshape, Transpose.
_MAX_CHANGES = 8
MAX_FILLED = 1 << 26  # fc6 has 38 million
_SHAPE_CHANGES = ("Identity", "Cast", "Reshape", "Transpose")
_EXACT_CASTS = (1, 11)  # TensorProto.DataType: FLOAT, DOUBLE


class Graph:
    """The graph of a model.

    Parameters
    ----------
    file : WeightsFile
        Where it is.
    message : GraphProto
        As `wire.read_message` returns it.

    Attributes
    ----------
    file : WeightsFile
        The same.
    nodes : list of Node
        In the order of the file.
    input_name : str
        The value that the image enters as.
    axes : list of (int or None)
        The four axes of the images, where the graph declares them: how many, channels, height,
        width; or channels last.
    output_names : set of str
        The values that the graph returns.

    Raises
    ------
    WeightsError
        Two values have the same name, or there is not exactly one input for a batch of images.
    """

    def __init__(self, file: WeightsFile, message: Any) -> None:
        self.file = file
        self.nodes = [Node(file, node) for node in message.node]
        self.output_names = {output.name for output in message.output}
        self._tensors: dict[str, Any] = {}
        self._integers = Integers(self)
        self._producers: dict[str, Node] = {}
        self._consumers: dict[str, list[Node]] = {}
        for tensor in message.initializer:
            self._define(tensor.name)
            self._tensors[tensor.name] = tensor
        for node in self.nodes:
            self._add_node(node)
        self.input_name, self.axes = self._find_input(message)

    def consumers(self, value: str) -> list[Node]:
        """Return the nodes that compute with a value; those that only ask its shape do not."""
        return [node for node in self._consumers.get(value, ()) if node.op != "Shape"]

    def producer(self, value: str) -> Node | None:
        """Return the node that makes a value; None for an input or a tensor of the file."""
        return self._producers.get(value)

    def parameter(self, node: Node, index: int) -> Constant | None:
        """Return a weight or bias that a node takes as one of its inputs, None if it takes none.

        Raises
        ------
        WeightsError
            The input is computed in a way that is not understood, or its tensor is not sound.
        """
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        constant = self.constant(node.inputs[index])
        if constant is None:
            raise node.error(f"its input {quoted(node.inputs[index])} is not a constant")
        return constant

    def tensor(self, value: str) -> Constant | None:
        """Return a tensor of the file; None if the value is none."""
        message = self._tensors.get(value)
        return None if message is None else tensor_constant(self.file, message)

    def constant(self, value: str, depth: int = _MAX_CHANGES) -> Constant | None:
        """Return the constant that a value is, None if it is none.

        It is a tensor of the file, or filled in by ConstantOfShape, behind some changes of its
        shape. Errors are as of `parameter`.
        """
        node = self._producers.get(value)
        if value in self._tensors or node is None or not node.inputs or not depth:
            return self.tensor(value)
        if node.op == "ConstantOfShape":
            return self._filled(node)
        if node.op not in _SHAPE_CHANGES:
            return None
        source = self.constant(node.inputs[0], depth - 1)
        return None if source is None else self._change(node, source)

    def floats(self, value: str, most: int) -> NDArray[np.float64] | None:
        """Read a constant of floating-point numbers, in its shape; None if the value is none.

        Raises
        ------
        WeightsError
            It has more numbers than `most`, or cannot be read.
        """
        constant = self.constant(value)
        if constant is None:
            return None
        if prod(constant.shape) > most:
            raise WeightsError(
                f"{constant.where}: a constant of shape {constant.shape}; at most {most} numbers "
                "are read here"
            )
        return constant.tensor().read().astype(np.float64)

    def integers(self, node: Node, name: str, index: int) -> list[int | None]:
        """Return integers that are an attribute of a node until some opset, and then an input.

        None stands for those that are computed from the image; empty if there are none.
        """
        listed = node.integers(name, ())
        if listed or index >= len(node.inputs) or not node.inputs[index]:
            return [*listed]
        value = node.inputs[index]
        maker = self._producers.get(value)
        parts: tuple[str, ...] = (value,)
        if maker is not None and maker.op == "Concat" and len(maker.inputs) <= MAX_RANK:
            parts = maker.inputs
        found: list[int | None] = []
        for part in parts:
            numbers = self._integers.evaluate(part)
            found += [None] if numbers is None else numbers.reshape(-1).tolist()
        return found

    def _filled(self, node: Node) -> Constant:
        """Return what a ConstantOfShape makes."""
        shape = self._integers.evaluate(node.inputs[0])
        if shape is None or shape.ndim != 1 or len(shape) > MAX_RANK or (shape < 1).any():
            raise node.error("its shape is not constant, or not positive")
        sizes = tuple(shape.tolist())
        if prod(sizes) > MAX_FILLED:
            raise node.error(f"shape {sizes}; at most {MAX_FILLED} numbers are filled in")
        message = node.tensor("value")
        value = 0.0
        if message is not None:
            value = float(tensor_constant(self.file, message).reshaped((1,)).tensor().read()[0])
        return Constant(node.label, sizes, partial(_filled_tensor, value))

    def _define(self, name: str) -> None:
        if name in self._tensors or name in self._producers:
            raise WeightsError(
                f"{self.file.path!r}: two values of the graph are called {quoted(name)}"
            )

    def _add_node(self, node: Node) -> None:
        for output in node.outputs:
            if output:
                self._define(output)
                self._producers[output] = node
        for name in dict.fromkeys(node.inputs):
            self._consumers.setdefault(name, []).append(node)
        if node.op == "Constant" and len(node.outputs) == 1:
            tensor = node.tensor("value")
            if tensor is not None:
                self._tensors[node.outputs[0]] = tensor

    def _find_input(self, message: Any) -> tuple[str, list[int | None]]:
        """Return name and four axes of the one input that is no weight.

        Until IR version 3 every initializer had to be listed among the inputs.
        """
        inputs = [value for value in message.input if value.name not in self._tensors]
        if len(inputs) != 1:
            names = ", ".join(quoted(value.name) for value in inputs[:8]) or "none"
            raise WeightsError(
                f"{self.file.path!r}: expected a graph with one input, the image; got {names}"
            )
        image = inputs[0]
        tensor_type = image.type.tensor_type
        dtype = DATA_TYPES.get(tensor_type.elem_type)
        dims = [dim.dim_value if dim.dim_value > 0 else None for dim in tensor_type.shape.dim]
        if tensor_type.elem_type and dtype not in FLOAT_BYTES:
            raise WeightsError(
                f"{self.file.path!r}: input {quoted(image.name)} has elements of type number "
                f"{tensor_type.elem_type}; expected floating point"
            )
        if tensor_type.HasField("shape") and len(dims) != 4:
            raise WeightsError(
                f"{self.file.path!r}: input {quoted(image.name)} has {len(dims)} axes; expected 4"
            )
        return image.name, dims or [None] * 4

    def _change(self, node: Node, constant: Constant) -> Constant:
        """Apply one node to a constant."""
        if node.op == "Identity":
            return constant
        if node.op == "Cast" and node.integer("to", 0) in _EXACT_CASTS:
            return constant
        if node.op == "Transpose" and node.integers("perm", (1, 0)) == (1, 0):
            if len(constant.shape) == 2:
                return constant.transposed()
        if node.op == "Reshape":
            target = self.integers(node, "shape", 1)
            known = [size for size in target if size is not None]
            try:
                if len(known) == len(target):
                    return constant.reshaped(known, allow_zero=bool(node.integer("allowzero", 0)))
            except ValueError as error:
                raise node.error(str(error)) from error
        raise node.error(f"this change of a weight of shape {constant.shape} is not understood")


def _filled_tensor(value: float, shape: tuple[int, ...], *, transposed: bool) -> TensorRef:
    return Filled(shape[::-1] if transposed else shape, value)
