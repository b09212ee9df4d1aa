"""An ONNX graph as names: who makes each value, who takes it, which values are constants."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.onnx.integers import evaluate
from alexnet_cy.weights.onnx.messages import DATA_TYPES
from alexnet_cy.weights.onnx.node import Node, quoted
from alexnet_cy.weights.onnx.parameters import FilledTensor, Parameter
from alexnet_cy.weights.onnx.tensors import MAX_RANK, OnnxTensor, describe_tensor
from alexnet_cy.weights.stored_floats import FLOAT_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["Graph"]

# From a tensor of the file to the node that takes it: Identity, Cast, Reshape, Transpose.
_MAX_CHANGES = 8
_MAX_CONCATENATED = 8
MAX_FILLED = 1 << 26  # fc6 has 38 million
_SHAPE_CHANGES = ("Identity", "Cast", "Reshape", "Transpose", "Unsqueeze")
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

    def parameter(self, node: Node, index: int) -> Parameter | None:
        """Return a weight or bias that a node takes.

        Parameters
        ----------
        node : Node
            The node.
        index : int
            Which of its inputs.

        Returns
        -------
        Parameter or None
            None if the node has no such input.

        Raises
        ------
        WeightsError
            The input is computed in a way that is not understood, or its tensor is not sound.
        """
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        return self.constant(node, node.inputs[index])

    def constant(self, node: Node, value: str) -> Parameter:
        """Return the constant that a value is; errors name the node that takes it."""
        name, changes = self._base(value)
        tensor = self._filled(name) or self.tensor(name)
        if tensor is None:
            raise node.error(f"its input {quoted(value)} is not a constant")
        parameter = Parameter(tensor, tensor.shape)
        for change in reversed(changes):
            parameter = self._change(change, parameter)
        return parameter

    def reshape_target(self, node: Node) -> list[int | None]:
        """Return the shape that a Reshape asks for; None for each part that is computed.

        Raises
        ------
        WeightsError
            The shape is longer than that of any tensor, or not sound.
        """
        if len(node.inputs) < 2:  # opset 1 to 4
            return list(node.integers("shape", ()))
        name = self._base(node.inputs[1])[0]
        known = evaluate(self, name)
        if known is not None:
            return list(known.reshape(-1).tolist())
        maker = self._producers.get(name)
        parts = [name]
        if maker is not None and maker.op == "Concat":
            parts = [self._base(part)[0] for part in maker.inputs[:_MAX_CONCATENATED]]
        target: list[int | None] = []
        for part in parts:
            target.extend(self.known(part))
        return target

    def known(self, value: str) -> list[int | None]:
        """Return a constant of a few integers; None for what is computed."""
        numbers = evaluate(self, value)
        return [None] if numbers is None else [*numbers.reshape(-1).tolist()]

    def producer(self, value: str) -> Node | None:
        """Return the node that makes a value; None for an input or a tensor of the file."""
        return self._producers.get(value)

    def tensor(self, value: str) -> OnnxTensor | None:
        """Return a tensor of the file; None if the value is none."""
        message = self._tensors.get(value)
        return None if message is None else describe_tensor(self.file, message)

    def floats(self, node: Node, value: str, most: int) -> NDArray[np.float64] | None:
        """Read a constant of floating-point numbers that a node takes, at most so many.

        Returns
        -------
        ndarray of float64, or None
            In its shape; None if the value is no constant.

        Raises
        ------
        WeightsError
            It has too many numbers, or cannot be read.
        """
        name, _ = self._base(value)
        if name not in self._tensors and self._filled(name) is None:
            return None
        parameter = self.constant(node, value)
        if prod(parameter.shape) > most:
            raise node.error(f"a constant of shape {parameter.shape}; at most {most} are read")
        return parameter.reference().read().astype(np.float64)

    def _filled(self, name: str) -> FilledTensor | None:
        """Return what a ConstantOfShape makes."""
        node = self._producers.get(name)
        if node is None or node.op != "ConstantOfShape" or len(node.inputs) != 1:
            return None
        shape = evaluate(self, node.inputs[0])
        if shape is None or shape.ndim != 1 or len(shape) > MAX_RANK or (shape < 1).any():
            raise node.error("its shape is not constant, or not positive")
        sizes = tuple(shape.tolist())
        if prod(sizes) > MAX_FILLED:
            raise node.error(f"shape {sizes}; at most {MAX_FILLED} numbers are filled in")
        value = node.tensor("value")
        if value is None:
            return FilledTensor(sizes, 0.0)
        numbers = describe_tensor(self.file, value).as_weight((1,)).read()
        return FilledTensor(sizes, float(numbers[0]))

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

    def _base(self, name: str) -> tuple[str, list[Node]]:
        """Follow a constant back to its tensor, over the nodes that change only its shape."""
        changes: list[Node] = []
        while name not in self._tensors and len(changes) < _MAX_CHANGES:
            node = self._producers.get(name)
            if node is None or not node.inputs or node.op not in _SHAPE_CHANGES:
                break
            changes.append(node)
            name = node.inputs[0]
        return name, changes

    def _change(self, node: Node, parameter: Parameter) -> Parameter:
        """Apply one node to a constant."""
        if node.op == "Identity":
            return parameter
        if node.op == "Cast" and node.integer("to", 0) in _EXACT_CASTS:
            return parameter
        if node.op == "Transpose" and node.integers("perm", (1, 0)) == (1, 0):
            if len(parameter.shape) == 2:
                return parameter.transposed()
        if node.op == "Reshape":
            target = self.reshape_target(node)
            known = [size for size in target if size is not None]
            try:
                if len(known) == len(target):
                    return parameter.reshaped(known, allow_zero=bool(node.integer("allowzero", 0)))
            except ValueError as error:
                raise node.error(str(error)) from error
        raise node.error(f"this change of a weight of shape {parameter.shape} is not understood")
