"""Follow an ONNX graph from its input to its output, without running it.

An AlexNet is a chain, so one value leads to the next. What does nothing at inference (Dropout,
Identity, Cast) or only flattens the image is stepped over; what no AlexNet has is refused. Weights
are found where the nodes take them from, whatever they are called.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.onnx.messages import DATA_TYPES
from alexnet_cy.weights.onnx.node import quoted
from alexnet_cy.weights.stored_floats import FLOAT_BYTES

if TYPE_CHECKING:
    from alexnet_cy.weights.onnx.graph import Graph
    from alexnet_cy.weights.onnx.node import Node
    from alexnet_cy.weights.onnx.parameters import Parameter

__all__ = ["Step", "follow"]

_PLAIN_OPS = ("Relu", "LRN", "MaxPool", "AveragePool", "Softmax")
_IMAGE_OPS = ("Conv", "LRN", "MaxPool", "AveragePool")
_QUANTISED_OPS = (
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv"),
    *("QLinearMatMul", "ConvInteger", "MatMulInteger"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One node that computes.

    Attributes
    ----------
    op : str
        "Conv", "Relu", "LRN", "MaxPool", "AveragePool", "Linear" (Gemm, or MatMul and Add) or
        "Softmax".
    node : Node
        The node.
    weight : Parameter or None
        Conv: (O, I / groups, kh, kw); Linear: (out, in).
    bias : Parameter or None
        (O,); None if the node adds nothing.
    """

    op: str
    node: Node
    weight: Parameter | None = None
    bias: Parameter | None = None


def follow(graph: Graph) -> list[Step]:
    """List what the graph computes on the way from its input to its output.

    Parameters
    ----------
    graph : Graph
        The graph.

    Returns
    -------
    list of Step
        In order.

    Raises
    ------
    WeightsError
        The graph branches, ends elsewhere than at its output, or has a node that no AlexNet has;
        the message names the node.
    """
    for node in graph.nodes:
        if node.op.rpartition(".")[2] in _QUANTISED_OPS:
            raise node.error(
                "the model is quantised to integers, which is not read; use the float32 model"
            )
    return _Chain(graph).steps


class _Chain:
    """The walk along the graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.steps: list[Step] = []
        self._flattened = False
        self._features: int | None = None  # as the last Reshape says, None if that does not tell
        value = graph.input_name
        for _ in graph.nodes:
            nodes = graph.consumers(value)
            if not nodes:
                break
            if len(nodes) > 1:
                labels = ", ".join(node.label for node in nodes[:4])
                raise nodes[0].error(f"the graph branches here, into {labels}")
            self._step(nodes[0], value)
            value = nodes[0].outputs[0]
        if value not in graph.output_names:
            raise WeightsError(
                f"{graph.file.path!r}: following the graph from its input ends at {quoted(value)}, "
                "which is not one of its outputs"
            )

    def _step(self, node: Node, value: str) -> None:
        if not node.outputs:
            raise node.error("it has no output")
        if node.op == "Add":
            self._add_bias(node, value)
            return
        if node.inputs[0] != value:
            raise node.error(f"{quoted(value)} is not its first input")
        if self._flattened and node.op in _IMAGE_OPS:
            raise node.error("it comes after the image was flattened")
        if node.op in ("Flatten", "Reshape"):
            self._flatten(node)
        elif node.op == "Cast":
            if DATA_TYPES.get(node.integer("to", 0)) not in FLOAT_BYTES:
                raise node.error("a cast to integers is not part of any AlexNet")
        elif node.op == "Conv":
            weight = self._weight(node, rank=4)
            self.steps.append(Step("Conv", node, weight, self._bias(node, 2, weight.shape[0])))
        elif node.op in ("Gemm", "MatMul"):
            self._linear(node)
        elif node.op in _PLAIN_OPS:
            self.steps.append(Step(node.op, node))
        elif node.op not in ("Identity", "Dropout"):
            raise node.error("its op is not part of any AlexNet")

    def _flatten(self, node: Node) -> None:
        """Accept what makes (N, features) of (N, C, H, W), and leaves (N, features) as it is."""
        if node.op == "Flatten":
            if node.integer("axis", 1) != 1:
                raise node.error(f"axis: expected 1, got {node.integer('axis', 1)}")
            target: list[int | None] = [None, -1]
        else:
            target = self._graph.reshape_target(node)
        empty = target[:1] == [0] and node.integer("allowzero", 0)
        if empty or not _is_flat(target, self._graph.batch_size):
            raise node.error(f"shape: expected (images, features), got {target}")
        self._flattened = True
        self._features = None if target[1] == -1 else target[1]

    def _linear(self, node: Node) -> None:
        for name, expected in (("alpha", 1.0), ("beta", 1.0)):
            if node.op == "Gemm" and node.number(name, 1.0) != expected:
                raise node.error(f"{name}: expected {expected}, got {node.number(name, 1.0)}")
        if node.op == "Gemm" and node.integer("transA", 0):
            raise node.error("transA: expected 0, got 1")
        weight = self._weight(node, rank=2)
        if node.op == "MatMul" or not node.integer("transB", 0):
            weight = weight.transposed()
        out_features, in_features = weight.shape
        if not self._flattened:
            raise node.error("expected the image to be flattened before it")
        if self._features not in (None, in_features):
            raise node.error(f"its weight takes {in_features} features of {self._features}")
        self._features = out_features
        bias = self._bias(node, 2, out_features) if node.op == "Gemm" else None
        self.steps.append(Step("Linear", node, weight, bias))

    def _add_bias(self, node: Node, value: str) -> None:
        """Take an Add behind a MatMul for the bias of a linear layer."""
        last = self.steps[-1] if self.steps else None
        if last is None or value not in last.node.outputs or last.node.op != "MatMul":
            raise node.error("its op is not part of any AlexNet, except behind a MatMul")
        if len(node.inputs) != 2 or last.weight is None:
            raise node.error(f"expected two inputs, got {len(node.inputs)}")
        index = 1 - node.inputs.index(value)
        bias = self._bias(node, index, last.weight.shape[0])
        self.steps[-1] = replace(last, bias=bias)

    def _weight(self, node: Node, rank: int) -> Parameter:
        weight = self._graph.parameter(node, 1)
        if weight is None:
            raise node.error("it has no weight")
        if len(weight.shape) != rank or 0 in weight.shape:
            raise node.error(f"its weight has shape {weight.shape}; expected {rank} axes")
        return weight

    def _bias(self, node: Node, index: int, channels: int) -> Parameter | None:
        bias = self._graph.parameter(node, index)
        if bias is None:
            return None
        if bias.shape not in ((channels,), (1, channels)):
            raise node.error(f"its bias has shape {bias.shape}; expected ({channels},)")
        return bias.reshaped((channels,))


def _is_flat(target: list[int | None], batch_size: int | None) -> bool:
    """Return whether a Reshape's shape makes one vector of each image.

    The number of images may be computed (None), as many as there are (0), what is left (-1) or a
    number. What is left of the features is that of one image only if that number is the batch's.
    """
    match target:
        case [None | 0 | 1, -1]:
            return True
        case [int(images), -1]:
            return images == batch_size
        case [_, int(features)]:
            return features > 0
        case _:
            return False
