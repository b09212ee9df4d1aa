"""What several nodes of an ONNX graph compute together.

torch has no op for its local response normalisation and none for groups that were split by hand:

    norm     y = x / (k + alpha * mean of x[j]**2 over the size channels around c) ** beta, as Mul,
             Reshape, Pad, AveragePool (size, 1, 1), Squeeze, Reshape, Mul, Add, Pow, Div
             (torch/nn/functional.py, local_response_norm); or with the padding in AveragePool;
             within channels, likewise with an AveragePool of (size, size) and no changes of shape
    groups   Split, a Conv for every part, Concat; where the channels are the last axis, with
             Transposes about each Conv (tf2onnx)
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from alexnet_cy.network.specs import LRN

if TYPE_CHECKING:
    from alexnet_cy.network.norm_region import Region
    from alexnet_cy.weights.onnx.graph import Graph
    from alexnet_cy.weights.onnx.node import Node

__all__ = ["TO_CHANNELS_FIRST", "TO_CHANNELS_LAST", "find_groups", "find_norm"]

TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
"""The axes of images in the order in which a Transpose takes them."""

# Behind one another between the square and the average, and the average and the factor.
_MAX_SHAPE_CHANGES = 6
_MAX_GROUPS = 64
_BRANCH_OPS = ({"Squeeze"}, {"Identity"})


def find_norm(graph: Graph, value: str) -> tuple[LRN, Node] | None:
    """Find a normalisation of a value, and the node that it ends with; None if there is none."""
    nodes = graph.consumers(value)
    div = next((n for n in nodes if n.op == "Div" and n.inputs[:1] == (value,)), None)
    if div is None or len(div.inputs) != 2:
        return None
    power, beta = _split(graph, div.inputs[1], "Pow")
    total, k = _split(graph, power, "Add")
    scaled, alpha = _split(graph, total, "Mul")
    pool = _behind(graph, scaled, "AveragePool")
    if beta is None or k is None or alpha is None or pool is None:
        return None
    kernel = pool.integers("kernel_shape", (0,))
    size, half, ones = kernel[0], kernel[0] // 2, (1,) * len(kernel)
    within = kernel == (size, size)
    if not within and kernel != (size, 1, 1):
        return None
    if size % 2 == 0 or pool.integers("strides", ones) != ones or pool.integer("ceil_mode", 0):
        return None
    own = pool.integers("pads", (0, 0) * len(kernel))
    if len(own) != 2 * len(kernel) or pool.text("auto_pad", "NOTSET") != "NOTSET":
        return None
    if any(own) and not pool.integer("count_include_pad", 0):
        return None
    source, padded = pool.inputs[0], [0, 0, *own[: len(kernel)], 0, 0, *own[len(kernel) :]]
    for _ in range(_MAX_SHAPE_CHANGES):
        pad = _maker(graph, source, "Pad")
        pads = None if pad is None else _pads(graph, pad, len(padded))
        if pad is None or pads is None:
            break
        padded = [a + b for a, b in zip(padded, pads, strict=True)]
        source = pad.inputs[0]
    if within:  # of images as they are
        square = _maker(graph, source, "Mul", "Pow")
        pool = _maker(graph, scaled, "AveragePool")
    else:
        square = _behind(graph, source, "Mul", "Pow")
    wanted = [0, 0, half, half] * 2 if within else [0, 0, half, 0, 0] * 2
    if padded != wanted or square is None or pool is None:
        return None
    is_square = (
        square.inputs == (value, value)
        if square.op == "Mul"
        else square.inputs[0] == value and _scalar(graph, square, 1) == 2
    )
    if not is_square or not {id(n) for n in nodes} <= {id(div), id(square)}:
        return None
    region: Region = "within_channel" if within else "across_channels"
    return LRN("norm", size, alpha, beta, k, region=region), div


def find_groups(graph: Graph, value: str, *, channels_last: bool) -> tuple[list[Node], Node] | None:
    """Find the convolutions of the parts of a value, and the node that joins them; None if none."""
    split = _only_consumer(graph, value, "Split")
    axes = (3, -1) if channels_last else (1, -3)
    if split is None or split.integer("axis", 0) not in axes:
        return None
    if not 1 < len(split.outputs) <= _MAX_GROUPS:
        return None
    convs, made = [], []
    for part in split.outputs:
        conv = last = _only_consumer(graph, part, "Transpose" if channels_last else "Conv")
        if conv is not None and channels_last:
            first, conv = conv, _only_consumer(graph, conv.outputs[0], "Conv")
            last = None if conv is None else _only_consumer(graph, conv.outputs[0], "Transpose")
            perms = [node and node.integers("perm", ()) for node in (first, last)]
            if perms != [TO_CHANNELS_FIRST, TO_CHANNELS_LAST]:
                return None
        if conv is None or last is None:
            return None
        convs.append(conv)
        made.append(last.outputs[0])
    joins = [_only_consumer(graph, name, "Concat") for name in made]
    if joins[0] is None or joins[0].inputs != tuple(made) or None in joins:
        return None
    return (convs, joins[0]) if joins[0].integer("axis", 0) in axes else None


def _only_consumer(graph: Graph, value: str, op: str) -> Node | None:
    """Return the one node that takes a value, if it is of this op and makes something."""
    nodes = graph.consumers(value)
    return nodes[0] if len(nodes) == 1 and nodes[0].op == op and nodes[0].outputs else None


def _maker(graph: Graph, value: str | None, *ops: str) -> Node | None:
    """Return the node that makes a value, if it is of one of these ops and has inputs."""
    node = None if value is None else graph.producer(value)
    return node if node is not None and node.op in ops and node.inputs else None


def _behind(graph: Graph, value: str | None, *ops: str) -> Node | None:
    """Return the node of one of these ops that a value comes from, over changes of shape."""
    for _ in range(_MAX_SHAPE_CHANGES):
        found = _maker(graph, value, *ops)
        if found is not None:
            return found
        change = _maker(graph, value, "Reshape", "Squeeze", "Unsqueeze", "Identity", "If")
        if change is None:
            return None
        value = _condition_of(graph, change) if change.op == "If" else change.inputs[0]
    return None


def _condition_of(graph: Graph, node: Node) -> str | None:
    """Return the value that torch squeezes if it can be: If(Equal(Gather(Shape(value)), 1))."""
    branches = [set(node.graph_ops(name)) - {"Constant"} for name in ("then_branch", "else_branch")]
    value: str | None = node.inputs[0]
    for op in ("Equal", "Gather", "Shape"):
        maker = _maker(graph, value, op)
        value = None if maker is None else maker.inputs[0]
    return value if branches == list(_BRANCH_OPS) else None


def _split(graph: Graph, value: str | None, op: str) -> tuple[str | None, float | None]:
    """Return of what an op makes of a value and a number the name of the one, and the other."""
    node = _maker(graph, value, op)
    for number in (1, 0) if op != "Pow" else (1,):
        scalar = None if node is None else _scalar(graph, node, number)
        if node is not None and len(node.inputs) == 2 and scalar is not None:
            return node.inputs[1 - number], scalar
    return None, None


def _scalar(graph: Graph, node: Node, index: int) -> float | None:
    """Return a constant of one number that a node takes."""
    constant = graph.constant(node.inputs[index]) if index < len(node.inputs) else None
    if constant is None or constant.make is None or prod(constant.shape) != 1:
        return None
    return float(constant.tensor().read().reshape(-1)[0])


def _pads(graph: Graph, pad: Node, count: int) -> list[int] | None:
    """Return the `count` zeros that a Pad puts about the axes: all beginnings, then all ends."""
    value = _scalar(graph, pad, 2) if len(pad.inputs) > 2 and pad.inputs[2] else 0.0
    if pad.text("mode", "constant") != "constant" or value or pad.number("value", 0.0):
        return None
    pads = [zeros for zeros in graph.integers(pad, "pads", 1) if zeros is not None]
    return pads if len(pads) == count else None
