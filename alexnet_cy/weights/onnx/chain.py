"""Follow an ONNX graph from its input to its output, without running it.

An AlexNet is a chain, so one value leads to the next. What does nothing at inference (Dropout,
Identity, Cast) is stepped over; what no AlexNet has is refused. Weights are found where the nodes
take them from, whatever they are called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import Conv, Linear, Softmax
from alexnet_cy.weights.graphs.derived import joined
from alexnet_cy.weights.graphs.steps import (
    MAX_STEPS,
    Affine,
    Flatten,
    Relu,
    Weighted,
)
from alexnet_cy.weights.onnx.arithmetic import constant_arithmetic, normalisation
from alexnet_cy.weights.onnx.messages import DATA_TYPES
from alexnet_cy.weights.onnx.node import quoted
from alexnet_cy.weights.onnx.patterns import (
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    find_groups,
    find_norm,
)
from alexnet_cy.weights.onnx.windows import average_pool, convolution, max_pool, norm
from alexnet_cy.weights.stored_floats import FLOAT_BYTES

if TYPE_CHECKING:
    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.graphs.build import Size
    from alexnet_cy.weights.graphs.steps import Step
    from alexnet_cy.weights.onnx.constants import Constant
    from alexnet_cy.weights.onnx.graph import Graph
    from alexnet_cy.weights.onnx.node import Node

__all__ = ["follow"]

_IMAGE_OPS = frozenset({"Conv", "LRN", "MaxPool", "AveragePool", "GlobalAveragePool", "Transpose"})
_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div"})
_FUSED = {"com.microsoft.FusedConv": "Conv", "com.microsoft.FusedGemm": "Gemm"}
_QUANTISED_OPS = (
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv"),
    *("QLinearMatMul", "ConvInteger", "MatMulInteger"),
)
_BLOCKED = "com.microsoft.nchwc."  # weights in blocks of 8 or 16 channels


def follow(graph: Graph) -> tuple[list[Step], Size]:
    """List what the graph computes on the way from its input to its output.

    Parameters
    ----------
    graph : Graph
        The graph.

    Returns
    -------
    list of Step
        In order.
    (int or None, int or None)
        Height and width of the image, where the graph declares them.

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
        if node.op.startswith(_BLOCKED):
            raise node.error(
                "the model was optimised by ONNX Runtime for one kind of machine; use the original"
            )
    chain = _Chain(graph)
    return chain.steps, chain.size


class _Chain:
    """The walk along the graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.steps: list[Step] = []
        self.size: Size = graph.axes[2], graph.axes[3]
        self._is_flat = False
        self._channels_last = False
        self._features: int | None = None  # as the last Reshape says, None if that does not tell
        value = graph.input_name
        for _ in graph.nodes:
            nodes = graph.consumers(value)
            if not nodes:
                break
            try:
                value = self._next(value, nodes)
            except (ValueError, TypeError) as error:  # of a layer that cannot be
                raise nodes[0].error(str(error)) from error
            if len(self.steps) > MAX_STEPS:
                raise nodes[0].error(f"more than {MAX_STEPS} steps; an AlexNet has about 30")
        if value not in graph.output_names:
            raise WeightsError(
                f"{graph.file.path!r}: following the graph from its input ends at {quoted(value)}, "
                "which is not one of its outputs"
            )

    def _next(self, value: str, nodes: list[Node]) -> str:
        """Take the node, or the nodes, that a value goes into; return the value behind them."""
        normalised = find_norm(self._graph, value)
        groups = find_groups(self._graph, value, channels_last=self._channels_last)
        step: Step | None
        if normalised is not None and not self._channels_last and not self._is_flat:
            step, last = normalised
        elif groups is not None and not self._is_flat:
            convs, last = groups
            step = self._groups(convs)
        elif len(nodes) > 1:
            labels = ", ".join(node.label for node in nodes[:4])
            raise nodes[0].error(f"the graph branches here, into {labels}")
        else:
            (last,) = nodes
            if not last.outputs:
                raise last.error("it has no output")
            step = self._step(last, value)
        if step is not None:
            self.steps.append(step)
        if last.op in _FUSED:
            self.steps.append(_activation(last))
        return last.outputs[0]

    def _step(self, node: Node, value: str) -> Step | None:
        """Return what a node computes that is not part of a pattern; None if it is nothing."""
        if node.op in _ARITHMETIC:
            return self._arithmetic(node, value)
        if node.inputs[0] != value:
            raise node.error(f"{quoted(value)} is not its first input")
        op = _FUSED.get(node.op, node.op)
        if self._is_flat and op in _IMAGE_OPS:
            raise node.error("it comes after the image was flattened")
        if self._channels_last and op in _IMAGE_OPS - {"Transpose"}:
            raise node.error("it comes where the channels are the last axis")
        match op:
            case "Conv":
                return self._convolution(node)
            case "Gemm" | "MatMul":
                return self._linear(node, op)
            case "Relu":
                return Relu(node.label)
            case "LRN":
                return norm(node)
            case "MaxPool":
                return max_pool(node)
            case "AveragePool" | "GlobalAveragePool":
                return average_pool(node)
            case "ReduceMean":
                return self._reduce(node)
            case "BatchNormalization":
                return normalisation(self._graph, node)
            case "Softmax":
                axis = node.integer("axis", -1)  # the last is the only one behind the images
                _expect(node, "axis", 1 if axis == -1 and self._is_flat else axis, 1)
                return Softmax(node.label)
            case "Flatten" | "Reshape" | "Squeeze":
                return self._flatten(node)
            case "Transpose":
                self._transpose(node)
            case "Cast":
                if DATA_TYPES.get(node.integer("to", 0)) not in FLOAT_BYTES:
                    raise node.error("a cast to integers is not part of any AlexNet")
            case "Identity" | "Dropout":
                pass
            case "Pad" if set(self._graph.integers(node, "pads", 1)) == {0}:
                pass  # torch writes it before an average
            case _:
                raise node.error("its op is not part of any AlexNet")
        return None

    def _convolution(self, node: Node) -> Weighted:
        weight = self._weight(node, rank=4)
        size = (None, None) if self._has_image_steps() else self.size
        spec = convolution(node, weight.shape, size)
        bias = self._bias(node, 2, weight.shape[0])
        if len(node.inputs) > 3 and node.inputs[3]:
            raise node.error("it adds another value, which no AlexNet does")
        return Weighted(node.label, spec, weight.tensor(), bias)

    def _groups(self, nodes: list[Node]) -> Weighted:
        """Join convolutions of the parts of an image."""
        parts = [self._convolution(node) for node in nodes]
        first = parts[0]
        for part, node in zip(parts, nodes, strict=True):
            alike = replace(part.spec, name=first.spec.name) == first.spec
            if not alike or part.weight.shape != first.weight.shape:
                raise node.error("it differs from the convolution of the first part of the image")
        biases = [part.bias for part in parts if part.bias is not None]
        if len(biases) not in (0, len(parts)):
            raise nodes[0].error("some of the convolutions beside one another have no bias")
        weight = joined([part.weight for part in parts])
        assert isinstance(first.spec, Conv)
        groups = len(parts) * first.spec.groups
        spec = replace(first.spec, out_channels=weight.shape[0], groups=groups)
        return Weighted(first.where, spec, weight, joined(biases) if biases else None)

    def _transpose(self, node: Node) -> None:
        """Note where the channels are; an image may come in with them as the last axis."""
        perm = node.integers("perm", ())
        if perm == TO_CHANNELS_FIRST and (self._channels_last or not self._has_image_steps()):
            if not self._channels_last:
                self.size = self._graph.axes[1], self._graph.axes[2]
            self._channels_last = False
        elif perm == TO_CHANNELS_LAST and not self._channels_last and self._has_image_steps():
            self._channels_last = True
        else:
            raise node.error(f"perm: {perm} of an image is not part of any AlexNet")

    def _has_image_steps(self) -> bool:
        return any(not isinstance(step, Affine) for step in self.steps)

    def _reduce(self, node: Node) -> Step | None:
        """Accept an average over the whole image."""
        self._expect_spatial_axes(node)
        average = average_pool(node)
        if node.integer("keepdims", 1):
            return average
        self.steps.append(average)
        return self._flattened(None)

    def _expect_spatial_axes(self, node: Node) -> None:
        """Refuse a node that does not work on height and width."""
        axes = self._graph.integers(node, "axes", 1)
        spatial = [1, 2] if self._channels_last else [2, 3]
        if sorted(axis % 4 for axis in axes if axis is not None) != spatial:
            raise node.error(f"axes: expected {spatial}, got {axes}")

    def _flatten(self, node: Node) -> Flatten:
        """Accept what makes (N, features) of (N, C, H, W), and leaves (N, features) as it is."""
        target: list[int | None] = [None, -1]
        if node.op == "Flatten":
            _expect(node, "axis", node.integer("axis", 1), 1)
        elif node.op == "Squeeze":
            self._expect_spatial_axes(node)
        else:
            target = self._graph.integers(node, "shape", 1)
        empty = target[:1] == [0] and node.integer("allowzero", 0)
        if empty or not _is_flat(target, self._graph.axes[0]):
            raise node.error(f"shape: expected (images, features), got {target}")
        return self._flattened(None if target[1] == -1 else target[1])

    def _flattened(self, features: int | None) -> Flatten:
        self._is_flat = True
        self._features = features
        return Flatten()

    def _linear(self, node: Node, op: str) -> Weighted:
        if op == "Gemm":
            _expect(node, "alpha", node.number("alpha", 1.0), 1.0)
            _expect(node, "beta", node.number("beta", 1.0), 1.0)
            _expect(node, "transA", node.integer("transA", 0), 0)
        weight = self._weight(node, rank=2)
        if op == "MatMul" or not node.integer("transB", 0):
            weight = weight.transposed()
        out_features, in_features = weight.shape
        if not self._is_flat:
            raise node.error("expected the image to be flattened before it")
        if self._features not in (None, in_features):
            raise node.error(f"its weight takes {in_features} features of {self._features}")
        self._features = out_features
        bias = self._bias(node, 2, out_features) if op == "Gemm" else None
        spec, was_last = Linear(node.label, out_features, relu=False), self._channels_last
        self._channels_last = False
        return Weighted(node.label, spec, weight.tensor(), bias, was_last)

    def _arithmetic(self, node: Node, value: str) -> Step | None:
        """Take a constant that is added, subtracted or multiplied."""
        if len(node.inputs) != 2 or node.inputs[0] == node.inputs[1]:
            raise node.error("its op is not part of any AlexNet, except with a constant")
        index = 1 - node.inputs.index(value)
        last = self.steps[-1] if self.steps else None
        if node.op == "Add" and isinstance(last, Weighted) and last.bias is None:
            if isinstance(last.spec, Linear):
                self.steps[-1] = last._replace(bias=self._bias(node, index, last.weight.shape[0]))
                return None
        # An image may come in with the channels as the last axis.
        enters_last = not self._has_image_steps() and self._graph.axes[3] in (1, 2, 3, 4)
        channels_at = -1 if self._is_flat or self._channels_last or enters_last else -3
        is_image = not self.steps
        return constant_arithmetic(self._graph, node, value, channels_at, of_pixels=is_image)

    def _weight(self, node: Node, rank: int) -> Constant:
        weight = self._graph.parameter(node, 1)
        if weight is None:
            raise node.error("it has no weight")
        if len(weight.shape) != rank or 0 in weight.shape:
            raise node.error(f"its weight has shape {weight.shape}; expected {rank} axes")
        return weight

    def _bias(self, node: Node, index: int, channels: int) -> TensorRef | None:
        bias = self._graph.parameter(node, index)
        if bias is None:
            return None
        if bias.shape not in ((channels,), (1, channels)):
            raise node.error(f"its bias has shape {bias.shape}; expected ({channels},)")
        return bias.reshaped((channels,)).tensor()


def _activation(node: Node) -> Relu:
    """Return the activation that ONNX Runtime has fused with a node."""
    _expect(node, "activation", node.text("activation", ""), "Relu")
    return Relu(node.label)


def _expect(node: Node, name: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise node.error(f"{name}: expected {wanted}, got {found}")


def _is_flat(target: list[int | None], batch_size: int | None) -> bool:
    """Return whether a Reshape's shape makes one vector of each image.

    The number of images may be computed (None), as many as there are (0), what is left (-1) or a
    number. What is left of the features is that of one image only if that number is the batch's.
    What is computed for them is compared with the weights behind.
    """
    match target:
        case [None | 0 | 1, -1 | None]:
            return True
        case [int(images), -1]:
            return images == batch_size
        case [_, int(features)]:
            return features > 0
        case _:
            return False
