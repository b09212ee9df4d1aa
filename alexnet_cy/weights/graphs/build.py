"""From the steps of a graph to a network: layers with all their settings, and their tensors.

ReLUs become part of the layers before them, and so do batch normalisations and other arithmetic on
channels, in float64. What a step needs to know of the size of its image is found by trying sizes:
the one that the graph declares, else the usual ones, else the one that the weights were made for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from math import isqrt, prod
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.recognition import recognise
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax
from alexnet_cy.network.windows import NO_PADDING
from alexnet_cy.weights.graphs.derived import Computed, scaled
from alexnet_cy.weights.graphs.input_arithmetic import take_in
from alexnet_cy.weights.graphs.layer_names import named
from alexnet_cy.weights.graphs.steps import (
    Affine,
    AveragePool,
    Flatten,
    Relu,
    Step,
    Weighted,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Built", "Size", "build"]

Size: TypeAlias = tuple[int | None, int | None]
"""Height and width that a graph declares."""

# What networks have been trained at, and then every size up to the largest of them.
_USUAL_SIZES = (227, 224, 256, 299, 320, 384, 448, 512, 32, 64, 96, 128)


class Built(NamedTuple):
    """A network of a file.

    Attributes
    ----------
    network : Variant
        Named by `recognise`.
    tensors : dict of str to TensorRef
        As `network.parameter_shapes` names and shapes them.
    metadata : dict of str to str
        How images are prepared, where the graph says something about it.
    """

    network: Variant
    tensors: dict[str, TensorRef]
    metadata: dict[str, str]


def build(path: str, steps: Sequence[Step], size: Size = (None, None)) -> Built:
    """Make a network of the steps of a graph.

    Parameters
    ----------
    path : str
        What errors call the file.
    steps : sequence of Step
        In the order of the pass.
    size : (int or None, int or None)
        Height and width of the image, where the graph declares them.

    Raises
    ------
    WeightsError
        The steps make no network: the message names the one that does not fit, and why.
    """
    folded, metadata = _fold(path, steps)
    weighted = [step for step in folded if isinstance(step, Weighted)]
    if not weighted or not isinstance(weighted[0].spec, Conv):
        raise WeightsError(f"{path!r}: the graph is no network that begins with a convolution")
    in_channels = weighted[0].weight.shape[1] * weighted[0].spec.groups
    network = _at_a_size(path, folded, in_channels, size)
    names = [layer.name for layer in network.layers if isinstance(layer, Conv | Linear)]
    tensors: dict[str, TensorRef] = {}
    shapes = network.parameter_shapes()
    channels = in_channels
    for name, step in zip(names, weighted, strict=True):
        shape = shapes[f"{name}.weight"]
        try:
            tensors[f"{name}.weight"] = _in_shape(step, shape, channels)
        except ValueError as error:
            raise WeightsError(f"{path!r}: {step.where}: {error}") from error
        tensors[f"{name}.bias"] = step.biases()
        channels = shape[0]
    return Built(recognise(network, any_size=None in size), tensors, metadata)


def _fold(path: str, steps: Sequence[Step]) -> tuple[list[Step], dict[str, str]]:
    """Return the steps without ReLUs and arithmetic, which become part of the layers."""
    folded: list[Step] = []
    metadata: dict[str, str] = {}
    before: Affine | None = None  # arithmetic on the pixels
    for step in steps:
        last = folded[-1] if folded else None
        if isinstance(step, Affine):
            if not (np.isfinite(step.factors).all() and np.isfinite(step.shifts).all()):
                raise WeightsError(
                    f"{path!r}: {step.where}: its numbers must be finite, no divisor zero and no "
                    "variance negative"
                )
            if last is None:
                before = step if before is None else _composed(before, step)
            elif isinstance(last, Weighted) and not last.spec.relu:
                folded[-1] = _scaled(path, last, step)
            else:
                raise WeightsError(
                    f"{path!r}: {step.where}: arithmetic on channels that is not right behind a "
                    "convolution or a fully connected layer"
                )
        elif isinstance(step, Relu):
            _rectify(path, folded, step)
        elif before is not None and isinstance(step, Weighted):
            first, metadata = take_in(path, before, step)
            folded.append(first)
            before = None
        else:
            folded.append(step)
    return folded, metadata


def _composed(first: Affine, second: Affine) -> Affine:
    """B (a x + s) + t = (b a) x + (b s + t)."""
    factors = first.factors * second.factors
    shifts = first.shifts * second.factors + second.shifts
    return Affine(second.where, factors, shifts, first.averaged or second.averaged)


def _scaled(path: str, step: Weighted, arithmetic: Affine) -> Weighted:
    """Fold arithmetic into the layer before it: weight' = a weight, bias' = a bias + s."""
    channels = step.weight.shape[0]
    if any(len(v) not in (1, channels) for v in (arithmetic.factors, arithmetic.shifts)):
        raise WeightsError(f"{path!r}: {arithmetic.where}: needs {channels} numbers")
    factors = np.broadcast_to(arithmetic.factors, (channels,))
    shifts = np.broadcast_to(arithmetic.shifts, (channels,))
    weight = scaled(step.weight, lambda: factors) if (factors != 1).any() else step.weight
    bias = Computed((channels,), lambda b: b * factors + shifts, step.biases())
    return step._replace(weight=weight, bias=bias)


def _rectify(path: str, folded: list[Step], relu: Relu) -> None:
    """Make a ReLU part of the layer before it.

    The largest of some values and their ReLU may change places. What is not negative already, the
    poolings and normalisations of values behind a ReLU, stays as it is.
    """
    may_swap = True
    for place in reversed(range(len(folded))):
        step = folded[place]
        if isinstance(step, Weighted):
            if not (step.spec.relu or may_swap):
                break
            folded[place] = step._replace(spec=replace(step.spec, relu=True))
            return
        may_swap &= isinstance(step, MaxPool | Flatten)
    raise WeightsError(f"{path!r}: {relu.where}: not behind a convolution or fully connected layer")


def _at_a_size(path: str, steps: Sequence[Step], in_channels: int, declared: Size) -> Variant:
    """Return the network at the first size that all of its weights fit."""
    height, width = declared
    sizes: Iterator[int] = chain(_USUAL_SIZES, range(1, max(_USUAL_SIZES)))
    if height is not None and width is not None:
        if height != width:
            raise WeightsError(f"{path!r}: images of {height}x{width}; they must be square")
        sizes = iter((height,))
    reason = ""
    for size in sizes:
        try:
            return _network(steps, in_channels, size)
        except (ValueError, TypeError) as error:
            reason = reason or f"at {size}x{size} pixels: {error}"
    raise WeightsError(f"{path!r}: the graph is no network that can be run: {reason}")


def _network(steps: Sequence[Step], in_channels: int, size: int) -> Variant:
    """Return the network at an input size; ValueError where a step does not fit."""
    layers: list[Layer] = []
    image: tuple[int, ...] = (in_channels, size, size)
    flat_at_last = _is_flat_at_last(steps)
    for step in steps:
        layer: Layer
        match step:
            case Weighted(spec=Conv() as conv) if flat_at_last and _is_head(conv, image):
                layer = Linear("fc", conv.out_channels, conv.relu)
            case Weighted():
                layer = step.spec
            case LRN() | MaxPool() | AdaptiveAvgPool() | Softmax():
                layer = step
            case AveragePool():
                adaptive = _adaptive(step, image)
                if adaptive is None:
                    continue
                layer = adaptive
            case _:
                continue
        if isinstance(step, Weighted):
            _check_inputs(step, image, layer)
        image = layer.output_shape(image)
        layers.append(layer)
    network = Variant("file", named(layers), size, in_channels=in_channels)
    if network.classifier is not None and not isinstance(network.layers[-1], Softmax):
        network = replace(network, layers=(*network.layers, Softmax("prob")))
    return network


def _is_flat_at_last(steps: Sequence[Step]) -> bool:
    """Tell whether images are flattened behind the last layer with weights."""
    weighted = [place for place, step in enumerate(steps) if isinstance(step, Weighted)]
    return any(isinstance(step, Flatten) for step in steps[weighted[-1] :])


def _is_head(conv: Conv, image: tuple[int, ...]) -> bool:
    """Tell whether a convolution is a fully connected layer for an image, or a vector."""
    size = image[1:] or (1, 1)
    return conv.kernel_size == size and conv.padding == NO_PADDING and conv.groups == 1


def _check_inputs(step: Weighted, image: tuple[int, ...], layer: Layer) -> None:
    """Compare the inputs that a layer has weights for with those that it gets."""
    shape: tuple[int, ...] = step.weight.shape
    expected = layer.parameter_shapes(image)["weight"]
    if len(expected) == 2:
        shape = (shape[0], prod(shape[1:]))
    if shape != expected:
        raise ValueError(f"{step.where}: its weight has shape {shape}, an image needs {expected}")


def _adaptive(pool: AveragePool, image: tuple[int, ...]) -> AdaptiveAvgPool | None:
    """Return an average as one over equal squares; None if each is one pixel."""
    height, width = image[1:]
    kernel = pool.kernel_size or (height, width)
    counts = height // kernel[0], width // kernel[1]
    fills = (counts[0] * kernel[0], counts[1] * kernel[1]) == (height, width)
    is_side_by_side = pool.stride == kernel or counts == (1, 1)
    if not (fills and is_side_by_side) or pool.padding != NO_PADDING:
        raise ValueError(
            f"{pool.where}: averages over windows of {kernel} pixels of {(height, width)}, which "
            "do not fill the image side by side"
        )
    return None if counts == (height, width) else AdaptiveAvgPool("avgpool", counts)


def _in_shape(step: Weighted, shape: tuple[int, ...], channels: int) -> TensorRef:
    """Return the weight in the shape of its layer, which takes images of so many channels."""
    if step.channels_last and shape[1] != channels:
        return _channels_first(step.weight, channels)
    if step.weight.shape == shape:
        return step.weight
    return Computed(shape, lambda array: array.reshape(shape), step.weight)


def _channels_first(weight: TensorRef, channels: int) -> TensorRef:
    """Return a fully connected weight whose inputs were in the order row, column, channel.

    Raises
    ------
    ValueError
        The inputs are no square image of so many channels.
    """
    out_features, in_features = weight.shape
    side = isqrt(in_features // channels) if channels else 0
    if side * side * channels != in_features:
        raise ValueError(f"{in_features} inputs are no square image of {channels} channels")

    def change(array: NDArray[np.float32]) -> NDArray[np.float32]:
        images: NDArray[np.float32] = array.reshape(out_features, side, side, channels)
        reordered: NDArray[np.float32] = images.transpose(0, 3, 1, 2)
        return reordered.reshape(out_features, in_features)

    return Computed(weight.shape, change, weight)
