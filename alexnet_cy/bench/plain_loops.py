"""The layers in plain Python loops, without NumPy's help: on a part of each large layer.

A convolution of AlexNet takes ten seconds in Python, so of a large layer only some filters,
channels, rows or neurons are computed, and the time is scaled up; how much was computed is part of
the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, prod
from statistics import median
from time import perf_counter

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Shape, Softmax
from alexnet_cy.oracle.baseline import conv2d_loops

__all__ = ["LoopsTiming", "loops_part", "part_to_compute", "time_loops"]

# Steps of the innermost loop that a part is chosen for: a fifth of a second or so, long beside the
# conversion of the input to lists, which scaling up multiplies too.
STEPS = 4_000_000


@dataclass(frozen=True, slots=True)
class LoopsTiming:
    """One layer in plain loops, for one image.

    Attributes
    ----------
    ms : float
        Milliseconds for the whole layer; scaled up if `computed` is less than 1.
    computed : float
        The part of the output that was computed.
    """

    ms: float
    computed: float

    @property
    def scaled_up(self) -> bool:
        """Whether only a part was computed."""
        return self.computed < 1


def time_loops(
    layer: Layer,
    x: Float32Array,
    weight: Float32Array | None,
    bias: Float32Array | None,
    output_shape: Shape,
    repeats: int,
) -> LoopsTiming:
    """Time a layer in plain loops on one image; the median of `repeats` runs.

    Parameters
    ----------
    layer : Layer
    x : ndarray of float32, shape (1, C, H, W) or (1, F)
    weight, bias : ndarray of float32, optional
        In their public layout.
    output_shape : tuple of int
        Of one image, as `layer.output_shape` gives it.
    repeats : int
    """
    part, whole = part_to_compute(layer, x.shape[1:], output_shape)
    seconds = []
    for _ in range(repeats):
        started = perf_counter()
        loops_part(layer, x, weight, bias, part)
        seconds.append(perf_counter() - started)
    return LoopsTiming(1e3 * median(seconds) * whole / part, part / whole)


def part_to_compute(layer: Layer, input_shape: Shape, output_shape: Shape) -> tuple[int, int]:
    """Return how many units of a layer to compute, and how many it has.

    Units are filters of a convolution (of the first group at most), channels of a pooling, rows of
    a normalisation, neurons of a fully connected layer, and the whole of a softmax.
    """
    if isinstance(layer, Softmax):
        return 1, 1
    if isinstance(layer, LRN):
        units, steps = output_shape[1], layer.window_values * prod(output_shape)
    elif isinstance(layer, AdaptiveAvgPool):
        units, steps = output_shape[0], prod(input_shape)
    elif isinstance(layer, MaxPool):
        units, steps = output_shape[0], prod(layer.kernel_size) * prod(output_shape)
    else:
        units, steps = output_shape[0], layer.macs(input_shape)
    most = units // layer.groups if isinstance(layer, Conv) else units
    return max(1, min(most, STEPS * units // steps)), units


def loops_part(
    layer: Layer,
    x: Float32Array,
    weight: Float32Array | None,
    bias: Float32Array | None,
    part: int,
) -> Float32Array:
    """Compute the first `part` units of a layer's output in plain loops.

    Returns
    -------
    ndarray of float32
        The whole output's shape, but with `part` filters, channels, rows or neurons.
    """
    if isinstance(layer, Conv):
        assert weight is not None
        return conv2d_loops(
            x[:, : weight.shape[1]],
            weight[:part],
            None if bias is None else bias[:part],
            stride=layer.stride,
            padding=layer.padding,
            relu=layer.relu,
        )
    if isinstance(layer, Linear):
        assert weight is not None
        neurons = weight[:part].tolist()
        offsets = [0.0] * part if bias is None else bias[:part].tolist()
        rows = x.reshape(len(x), -1).tolist()
        values = [_neurons(row, neurons, offsets, layer.relu) for row in rows]
        return np.array(values, np.float32)
    if isinstance(layer, LRN):
        return np.array([_normalised(layer, image, part) for image in x.tolist()], np.float32)
    if isinstance(layer, MaxPool):
        planes = [[_max_pooled(layer, plane) for plane in image[:part]] for image in x.tolist()]
        return np.array(planes, np.float32)
    if isinstance(layer, AdaptiveAvgPool):
        pool = _averaged(layer.output_size)
        return np.array([[pool(plane) for plane in im[:part]] for im in x.tolist()], np.float32)
    return np.array([_softmax(row) for row in x.tolist()], np.float32)


def _neurons(
    row: list[float], neurons: list[list[float]], offsets: list[float], relu: bool
) -> list[float]:
    """y[o] = bias[o] + sum over i of weight[o][i] * x[i]."""
    values = []
    for neuron, offset in zip(neurons, offsets, strict=True):
        total = offset
        for i in range(len(row)):
            total += neuron[i] * row[i]
        values.append(max(0.0, total) if relu else total)
    return values


def _normalised(layer: LRN, image: list[list[list[float]]], rows: int) -> list[list[list[float]]]:
    """y[c] = x[c] / (k + alpha / size * sum of x[j]**2 over the channels j around c)**beta.

    Within a channel the sum is over the pixels around x.
    """
    channels, width = len(image), len(image[0][0])
    factor = layer.ops_alpha / layer.window_values
    values = []
    for c in range(channels):
        first = max(0, c - layer.size // 2)
        last = min(channels - 1, c + (layer.size - 1) // 2)
        plane = []
        for h in range(rows):
            line = []
            for w in range(width):
                energy = 0.0
                if layer.within_channel:
                    energy = _energy(image[c], h, w, layer.size // 2)
                else:
                    for j in range(first, last + 1):
                        energy += image[j][h][w] * image[j][h][w]
                line.append(image[c][h][w] * (layer.k + factor * energy) ** -layer.beta)
            plane.append(line)
        values.append(plane)
    return values


def _energy(plane: list[list[float]], h: int, w: int, reach: int) -> float:
    """Add up the squares of the pixels up to `reach` from (h, w), as far as there are any."""
    total = 0.0
    for i in range(max(0, h - reach), min(len(plane), h + reach + 1)):
        for j in range(max(0, w - reach), min(len(plane[0]), w + reach + 1)):
            total += plane[i][j] * plane[i][j]
    return total


def _max_pooled(layer: MaxPool, plane: list[list[float]]) -> list[list[float]]:
    """y[p][q] = max of the window at (p, q), clipped to the plane."""
    height, width = len(plane), len(plane[0])
    (top, _), (left, _) = layer.padding
    _, down, across = layer.output_shape((1, height, width))
    values = []
    for p in range(down):
        line = []
        for q in range(across):
            first_h, first_w = p * layer.stride[0] - top, q * layer.stride[1] - left
            largest = -inf
            for h in range(max(0, first_h), min(height, first_h + layer.kernel_size[0])):
                for w in range(max(0, first_w), min(width, first_w + layer.kernel_size[1])):
                    if plane[h][w] > largest:
                        largest = plane[h][w]
            line.append(largest)
        values.append(line)
    return values


def _averaged(output_size: tuple[int, int]) -> Callable[[list[list[float]]], list[list[float]]]:
    """Return the pooling to `output_size`: pixels floor(i*H/O) up to ceil((i+1)*H/O) each."""

    def averaged(plane: list[list[float]]) -> list[list[float]]:
        height, width = len(plane), len(plane[0])
        down, across = output_size
        values = []
        for p in range(down):
            line = []
            for q in range(across):
                total, count = 0.0, 0
                for h in range(p * height // down, -(-(p + 1) * height // down)):
                    for w in range(q * width // across, -(-(q + 1) * width // across)):
                        total += plane[h][w]
                        count += 1
                line.append(total / count)
            values.append(line)
        return values

    return averaged


def _softmax(row: list[float]) -> list[float]:
    """y[i] = exp(x[i] - max) / sum over j of exp(x[j] - max)."""
    largest = max(row)
    values = [exp(value - largest) for value in row]
    total = sum(values)
    return [value / total for value in values]
