"""The convolutions, poolings and normalisations of an ONNX graph, in the terms of network.specs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.network.specs import LRN, Conv, MaxPool
from alexnet_cy.weights.graphs.steps import AveragePool

if TYPE_CHECKING:
    from alexnet_cy.network.windows import Padding, Pair
    from alexnet_cy.weights.graphs.build import Size
    from alexnet_cy.weights.onnx.node import Node

__all__ = ["average_pool", "convolution", "max_pool", "norm"]


def convolution(node: Node, weight_shape: tuple[int, ...], size: Size) -> Conv:
    """Return a convolution without its ReLU.

    Parameters
    ----------
    node : Node
        Of the op Conv.
    weight_shape : tuple of int
        (O, I / groups, kh, kw).
    size : (int or None, int or None)
        Of the image, where it is known.

    Raises
    ------
    WeightsError, ValueError, TypeError
        A setting is none that is computed here.
    """
    out_channels, _, *window = weight_shape
    kernel = _pair(node, "kernel_shape", tuple(window))
    if kernel != tuple(window):
        raise node.error(f"kernel_shape: {kernel}, but its weight has shape {weight_shape}")
    _expect_no_dilation(node)
    stride = _pair(node, "strides", (1, 1))
    padding = _padding(node, kernel, stride, size)
    groups = node.integer("group", 1)
    return Conv(node.label, out_channels, kernel, stride, padding, groups, relu=False)


def max_pool(node: Node) -> MaxPool:
    """Return a max pooling; WeightsError for a setting that is not computed here."""
    _expect_no_dilation(node)
    kernel, stride = _pair(node, "kernel_shape", ()), _pair(node, "strides", (1, 1))
    padding = _padding(node, kernel, stride, (None, None))
    ceil_mode = bool(node.integer("ceil_mode", 0))
    return MaxPool(node.label, kernel, stride, padding, ceil_mode)


def average_pool(node: Node) -> AveragePool:
    """Return an average; WeightsError for a setting that is not computed here."""
    if node.op != "AveragePool":
        return AveragePool(node.label, None)
    _expect_no_dilation(node)
    kernel, stride = _pair(node, "kernel_shape", ()), _pair(node, "strides", (1, 1))
    padding = _padding(node, kernel, stride, (None, None))
    return AveragePool(node.label, kernel, stride, padding)


def norm(node: Node) -> LRN:
    """Return a normalisation; ONNX divides alpha by size, and calls k bias."""
    size, alpha = node.integer("size", 0), node.number("alpha", 1e-4)
    if size % 2 == 0:
        raise node.error(f"size: an odd number of channels is read, got {size}")
    beta, k = node.number("beta", 0.75), node.number("bias", 1.0)
    return LRN(node.label, size, alpha, beta, k)


def _expect_no_dilation(node: Node) -> None:
    if set(node.integers("dilations", (1, 1))) != {1}:
        raise node.error(f"dilations: expected (1, 1), got {node.integers('dilations', ())}")


def _pair(node: Node, name: str, default: tuple[int, ...]) -> Pair:
    """Return a setting of two numbers, at least 1 each."""
    values = node.integers(name, default)
    if len(values) != 2 or min(values) < 1:
        raise node.error(f"{name}: expected two numbers, got {values}")
    return values[0], values[1]


def _padding(node: Node, kernel: Pair, stride: Pair, size: Size) -> Padding:
    """Return the padding, ((top, bottom), (left, right)).

    SAME padding makes ceil(size / stride) windows, and the odd pixel goes behind (SAME_UPPER) or
    before (SAME_LOWER). With a stride of 1 that does not depend on the size.
    """
    automatic = node.text("auto_pad", "NOTSET")
    if automatic == "VALID":
        return (0, 0), (0, 0)
    if automatic == "NOTSET":
        pads = node.integers("pads", (0, 0, 0, 0))
        if len(pads) != 4 or min(pads) < 0:
            raise node.error(f"pads: expected four numbers from 0 up, got {pads}")
        return (pads[0], pads[2]), (pads[1], pads[3])
    if automatic not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.error(f"auto_pad: {automatic!r} is not known")
    ends = []
    for axis in (0, 1):
        pixels, step = size[axis], stride[axis]
        if pixels is None and step > 1:
            raise node.error(f"auto_pad: {automatic} with a stride, at a size that is not known")
        windows = -(-(pixels or 1) // step)
        total = max(0, (windows - 1) * step + kernel[axis] - (pixels or 1))
        ends.append((total // 2, total - total // 2))
    if automatic == "SAME_LOWER":
        ends = [(after, before) for before, after in ends]
    return ends[0], ends[1]
