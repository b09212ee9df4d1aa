"""Compare what an ONNX graph computes with the known networks."""

from __future__ import annotations

from difflib import SequenceMatcher
from math import isclose
from typing import TYPE_CHECKING, TypeAlias

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax
from alexnet_cy.network.windows import window_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alexnet_cy.network.specs import Layer
    from alexnet_cy.network.variants import Variant
    from alexnet_cy.weights.onnx.chain import Step
    from alexnet_cy.weights.onnx.graph import Graph
    from alexnet_cy.weights.onnx.node import Node

__all__ = ["match"]

_Size: TypeAlias = "tuple[int | None, int | None]"

_MAX_STEPS = 64  # an AlexNet has 24, with all that it may have

# Attributes are float32 in the file: 1e-4 is 9.9999997e-05 there.
_RELATIVE_TOLERANCE = 1e-6


def match(graph: Graph, steps: list[Step], variants: Mapping[str, Variant]) -> str:
    """Find the network that a graph computes.

    Ops, strides, padding, groups and the settings of pooling and normalisation must be those of the
    variant. Sizes of weights are not compared, the number of channels least of all: whoever
    loads the tensors does that.

    Parameters
    ----------
    graph : Graph
        The graph.
    steps : list of Step
        What it computes.
    variants : mapping of str to Variant
        The networks to choose from.

    Returns
    -------
    str
        The variant's name.

    Raises
    ------
    WeightsError
        It is none of them. The message takes the nearest one, and lists every node and attribute
        that differs, expected and got.
    """
    if len(steps) > _MAX_STEPS:
        raise WeightsError(
            f"{graph.file.path!r}: a chain of {len(steps)} nodes that compute; no AlexNet has more "
            f"than {_MAX_STEPS}"
        )
    comparisons = [_Comparison(graph, steps, variant) for variant in variants.values()]
    nearest = min(comparisons, key=lambda comparison: len(comparison.differences))
    if nearest.differences:
        raise WeightsError(
            f"{graph.file.path!r}: the graph is none of the known networks; compared with the "
            f"nearest, {nearest.variant.name!r}: " + "; ".join(nearest.differences)
        )
    return nearest.variant.name


class _Comparison:
    """How a graph differs from one variant."""

    def __init__(self, graph: Graph, steps: list[Step], variant: Variant) -> None:
        self.variant = variant
        self.differences: list[str] = []
        self._sizes = _layer_sizes(variant, graph.input_size)
        found = [step.op for step in steps]
        expected = [(op, layer) for op, layer in _expected_ops(variant) if _is_needed(op, found)]
        matcher = SequenceMatcher(None, [op for op, _ in expected], found, autojunk=False)
        for change, first, last, found_first, found_last in matcher.get_opcodes():
            wanted, got = expected[first:last], steps[found_first:found_last]
            if change == "equal":
                for (_, layer), step in zip(wanted, got, strict=True):
                    self._compare(step.node, layer, step)
            else:
                names = ", ".join(f"{op} for {layer.name}" for op, layer in wanted) or "nothing"
                labels = ", ".join(step.node.label for step in got) or "nothing"
                before = steps[found_first - 1].node.label if found_first else "the input"
                self.differences.append(f"after {before}: expected {names}, got {labels}")

    def _compare(self, node: Node, layer: Layer, step: Step) -> None:
        """Note every setting of the node that differs from the layer's."""
        if step.op == "Relu":
            return
        match layer:
            case Conv():
                self._convolution(node, layer, step)
            case LRN():
                self._expect(node, "size", layer.size, node.integer("size", 0))
                self._expect(node, "alpha", layer.ops_alpha, node.number("alpha", 1e-4))
                self._expect(node, "beta", layer.beta, node.number("beta", 0.75))
                self._expect(node, "bias", layer.k, node.number("bias", 1.0))
            case MaxPool():
                self._pooling(node, layer)
            case AdaptiveAvgPool():
                self._average(node, layer)
            case Softmax():
                if node.integer("axis", -1) not in (1, -1):
                    self._expect(node, "axis", 1, node.integer("axis", -1))
            case Linear():
                pass  # its settings have one meaning only, which `onnx_chain` checks

    def _expect(self, node: Node, setting: str, expected: object, got: object) -> None:
        if isinstance(expected, float) and isinstance(got, float):
            same = isclose(expected, got, rel_tol=_RELATIVE_TOLERANCE)
        else:
            same = expected == got
        if not same:
            self.differences.append(f"{node.label}: {setting}: expected {expected}, got {got}")

    def _convolution(self, node: Node, layer: Conv, step: Step) -> None:
        kernel_size = step.weight.shape[2:] if step.weight else ()
        (top, bottom), (left, right) = layer.padding
        self._expect(node, "kernel_shape", kernel_size, node.integers("kernel_shape", kernel_size))
        self._expect(node, "strides", layer.stride, node.integers("strides", (1, 1)))
        self._expect(node, "pads", (top, left, bottom, right), self._pads(node))
        self._expect(node, "dilations", (1, 1), node.integers("dilations", (1, 1)))
        self._expect(node, "group", layer.groups, node.integer("group", 1))

    def _pooling(self, node: Node, layer: MaxPool) -> None:
        """Compare windows, and how many of them there are.

        "Ceil mode" and a padding of 1 behind the last pixel are the same pooling, as padding is
        never the maximum. What counts is where the windows begin, and their number.
        """
        (top, _), (left, _) = layer.padding
        pads = self._pads(node)
        self._expect(node, "kernel_shape", layer.kernel_size, node.integers("kernel_shape", ()))
        self._expect(node, "strides", layer.stride, node.integers("strides", (1, 1)))
        self._expect(node, "dilations", (1, 1), node.integers("dilations", (1, 1)))
        self._expect(node, "pads at the beginning", (top, left), pads[:2])
        ceil_mode = bool(node.integer("ceil_mode", 0))
        for axis in (0, 1):
            kernel, stride = layer.kernel_size[axis], layer.stride[axis]
            size = self._sizes[layer.name][axis]
            # Every `stride` pixels there is one window more, so one period tells of all sizes.
            sizes = range(kernel, kernel + stride) if size is None else (size,)
            padding = (pads[axis], pads[axis + 2])
            for pixels in sizes:
                self._expect(
                    node,
                    f"windows along {pixels} pixels, by pads {pads} and ceil_mode {int(ceil_mode)}",
                    window_count(
                        pixels, kernel, stride, layer.padding[axis], ceil_mode=layer.ceil_mode
                    ),
                    window_count(pixels, kernel, stride, padding, ceil_mode=ceil_mode),
                )

    def _average(self, node: Node, layer: AdaptiveAvgPool) -> None:
        """Accept an average over 1x1 pixels, or over equal squares that fill the image."""
        self._expect(node, "pads", (0, 0, 0, 0), self._pads(node))
        self._expect(node, "ceil_mode", 0, node.integer("ceil_mode", 0))
        kernel_size = node.integers("kernel_shape", ())
        self._expect(node, "strides", kernel_size, node.integers("strides", (1, 1)))
        if kernel_size != (1, 1):
            covered = tuple(
                size // kernel if size and kernel > 0 and size % kernel == 0 else None
                for size, kernel in zip(self._sizes[layer.name], kernel_size, strict=False)
            )
            self._expect(node, f"squares of {kernel_size} pixels", layer.output_size, covered)

    def _pads(self, node: Node) -> tuple[int, ...]:
        """Return (top, left, bottom, right); four zeros if the node says VALID."""
        automatic = node.text("auto_pad", "NOTSET")
        if automatic not in ("NOTSET", "VALID"):
            self._expect(node, "auto_pad", "NOTSET", automatic)
        pads = node.integers("pads", (0, 0, 0, 0)) if automatic != "VALID" else (0, 0, 0, 0)
        return pads if len(pads) == 4 else (-1, -1, -1, -1)


def _is_needed(op: str, found: list[str]) -> bool:
    """Return whether a graph must have an op; some it may do without.

    A softmax changes no order of classes, and many exports stop at the logits. An adaptive pool
    does nothing to an image of 6x6, which is what fc6 takes.
    """
    return op not in ("AveragePool", "Softmax") or op in found


def _expected_ops(variant: Variant) -> Iterator[tuple[str, Layer]]:
    """Yield the ops of a variant, each with the layer that it belongs to."""
    for layer in variant.layers:
        match layer:
            case Conv():
                yield "Conv", layer
            case LRN():
                yield "LRN", layer
            case MaxPool():
                yield "MaxPool", layer
            case AdaptiveAvgPool():
                yield "AveragePool", layer
            case Linear():
                yield "Linear", layer
            case Softmax():
                yield "Softmax", layer
        if isinstance(layer, Conv | Linear) and layer.relu:
            yield "Relu", layer


def _layer_sizes(variant: Variant, input_size: _Size) -> dict[str, _Size]:
    """Return height and width that come into each layer; None where the graph does not say."""
    unknown: dict[str, _Size] = {layer.name: (None, None) for layer in variant.layers}
    height, width = input_size
    if height is None or width is None:
        return unknown
    try:
        shapes = variant.shapes(height, width)
    except ValueError:  # no image for this variant; another difference will say so
        return unknown
    known = {s.layer.name: s.input_shape[1:] for s in shapes if len(s.input_shape) == 3}
    return unknown | {name: (size[0], size[1]) for name, size in known.items()}
