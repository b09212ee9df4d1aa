"""Arithmetic with constants in an ONNX graph, channel by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.weights.graphs.steps import MAX_CHANNELS, Affine, batch_norm

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alexnet_cy.weights.onnx.graph import Graph
    from alexnet_cy.weights.onnx.node import Node

__all__ = ["constant_arithmetic", "normalisation"]


MAX_MEAN = 1 << 20  # 3 x 512 x 512 is less
MIN_MEAN_PIXELS = 32 * 32


def constant_arithmetic(
    graph: Graph, node: Node, value: str, channels_at: int, *, of_pixels: bool
) -> Affine:
    """Return what an Add, Sub, Mul or Div of a value and a constant computes.

    Parameters
    ----------
    graph : Graph
    node : Node
        Of two inputs.
    value : str
        The one that is no constant.
    channels_at : int
        The axis of the channels, counted from the last.
    of_pixels : bool
        Whether the value is the image itself, so that the constant may be a mean of every pixel.

    Raises
    ------
    WeightsError
        The other one is no constant, or has not one number for a channel.
    """
    index = 1 - node.inputs.index(value)
    found = graph.floats(node.inputs[index], MAX_MEAN if of_pixels else MAX_CHANNELS)
    if found is None:
        raise node.error("its op is not part of any AlexNet, except with a constant")
    channels = 1 if found.size == 1 else ((1,) * 4 + found.shape)[channels_at]
    averaged = found.size != channels
    may_be_mean = of_pixels and node.op in ("Add", "Sub") and found.ndim in (3, 4)
    if averaged and not (may_be_mean and found.size >= channels * MIN_MEAN_PIXELS):
        raise node.error(f"its numbers have shape {found.shape}; expected one for a channel")
    by_channel = np.moveaxis(found, channels_at, 0) if averaged else found
    one, zero = np.ones(1), np.zeros(1)
    with np.errstate(all="ignore"):  # `build` refuses what is not finite
        numbers: NDArray[np.float64] = by_channel.reshape(channels, -1).mean(axis=1)
        match node.op, index:
            case "Add", _:
                affine = Affine(node.label, one, numbers)
            case "Mul", _:
                affine = Affine(node.label, numbers, zero)
            case "Sub", 1:
                affine = Affine(node.label, one, -numbers)
            case "Sub", _:
                affine = Affine(node.label, -one, numbers)
            case "Div", 1:
                affine = Affine(node.label, 1 / numbers, zero)
            case _:
                raise node.error("a constant divided by an image")
    return affine._replace(averaged=averaged)


def normalisation(graph: Graph, node: Node) -> Affine:
    """Return what a BatchNormalization of images computes at inference.

    Raises
    ------
    WeightsError
        It is that of training, or its inputs are no constants of one number for a channel.
    """
    if node.integer("training_mode", 0) or len(node.inputs) < 5:
        raise node.error("it is that of training")
    parts = [graph.floats(name, MAX_CHANNELS) for name in node.inputs[1:5]]
    known = [part.reshape(-1) for part in parts if part is not None]
    if len(known) != 4 or len({len(part) for part in known}) != 1:
        raise node.error("its four inputs are not constants of one number for each channel")
    scale, shift, mean, variance = known
    epsilon = node.number("epsilon", 1e-5)
    return batch_norm(node.label, mean, variance, epsilon, scale, shift)
