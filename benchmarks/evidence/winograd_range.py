"""The range of inputs of Winograd's convolution, and the effect of one large value on others.

    python benchmarks/evidence/winograd_range.py

The convolutions are those of `caffe`, the weights He-normal, the inputs standard normal.

Range: all inputs are scaled until a result is infinite or NaN, in steps of a quarter of a power of
ten; for Winograd and for direct convolution. Beside it stands the bound that needs no trial (see
docs/numerics.md): nothing overflows while ``growth * max|x| * (largest sum of |w| of a filter)`` is
below 3.4e38.

Outliers: one pixel is given another value, and the outputs whose window does not hold it are
compared with what they were. Direct convolution changes none of them.
"""

from __future__ import annotations

import sys
from itertools import count

import numpy as np

from alexnet_cy import ops
from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.winograd import (
    block_taps,
    cut_into_tiles,
    first_point,
    input_matrix,
    kernel_matrix,
    output_matrix,
)
from alexnet_cy.network import Conv, get_variant

LAYERS = ("conv1", "conv2", "conv3")
OUTLIERS = (1e2, 1e4, 1e6, 1e8)
LARGEST = float(np.finfo(np.float32).max)


def main() -> int:
    """Print both tables; return the exit code."""
    print("Range: powers of ten of max|x| at which the first result is not finite")
    print(f"{'':7}{'weights':>9}{'winograd':>9}{'direct':>9}{'bound':>9}{'growth':>9}")
    for name in LAYERS:
        layer, x, weight = problem(name)
        for factor in (1, 1000):
            scaled = weight * np.float32(factor)
            limits = [first_overflow(layer, x, scaled, how) for how in ("winograd", "direct")]
            growth = largest_growth(layer, x)
            sums = np.abs(scaled).sum(axis=(1, 2, 3), dtype=np.float64).max()
            bound = np.log10(LARGEST / (growth * sums))
            figures = (*limits, bound)
            columns = "".join(f"{figure:9.2f}" for figure in figures)
            print(f"{name:7}{f'x {factor}':>9}{columns}{growth:9.0f}")
    print("\nOutliers: largest change of outputs that do not see it, and the outputs' rms")
    print(f"{'':7}" + "".join(f"{f'{value:.0e}':>10}" for value in OUTLIERS) + f"{'rms':>8}")
    for name in LAYERS:
        layer, x, weight = problem(name)
        before = convolve(layer, x, weight, "winograd")
        changes = [change_elsewhere(layer, x, weight, before, value) for value in OUTLIERS]
        rms = np.sqrt(np.mean(before.astype(np.float64) ** 2))
        print(f"{name:7}" + "".join(f"{change:10.2g}" for change in changes) + f"{rms:8.2f}")
    return 0


def problem(name: str) -> tuple[Conv, Float32Array, Float32Array]:
    """Return a layer of `caffe`, an input for it and weights."""
    variant = get_variant("caffe")
    [layer] = [layer for layer in variant.layers if layer.name == name]
    assert isinstance(layer, Conv)
    shape = variant.parameter_shapes()[f"{name}.weight"]
    size = {"conv1": 227, "conv2": 27, "conv3": 13}[name]
    rng = np.random.default_rng(0)
    weight = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    x = rng.standard_normal((1, shape[1] * layer.groups, size, size), np.float32)
    return layer, x, weight


def convolve(layer: Conv, x: Float32Array, weight: Float32Array, algorithm: str) -> Float32Array:
    """Compute the layer without bias and ReLU."""
    return ops.conv2d(
        x,
        weight,
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        algorithm=algorithm,
    )


def first_overflow(layer: Conv, x: Float32Array, weight: Float32Array, algorithm: str) -> float:
    """Return the power of ten of max|x| at which a result is no longer finite, or 38.53 if none."""
    unit = x / np.abs(x).max()
    for quarters in count(4 * 30):
        power = quarters / 4
        if 10.0**power > LARGEST:
            return float(np.log10(LARGEST))
        y = convolve(layer, unit * np.float32(10.0**power), weight, algorithm)
        if not np.isfinite(y).all():
            return power
    raise AssertionError


def largest_growth(layer: Conv, x: Float32Array) -> float:
    """Return the product of both axes' largest sums of |A^T| times |G|'s and |B^T|'s rows."""
    growth = 1.0
    taps = block_taps(layer.kernel_size, layer.stride)
    for axis in (0, 1):
        length = (x.shape[2 + axis] + sum(layer.padding[axis]) - layer.kernel_size[axis]) // (
            layer.stride[axis]
        ) + 1
        growth *= max(axis_growth(m, taps[axis]) for m in cut_into_tiles(length, taps[axis]))
    return growth


def axis_growth(outputs: int, taps: int) -> float:
    """Return the largest sum over points of |A^T[p, i]| max|G[i]| (sum of |B^T[i]|)."""
    first = first_point(outputs, taps)
    g = np.abs(kernel_matrix(taps)[first : first + outputs + taps - 1]).max(axis=1)
    b_t = np.abs(input_matrix(outputs, taps)).sum(axis=1)
    a_t = np.abs(output_matrix(outputs, taps))
    return float((a_t @ (g * b_t)).max())


def change_elsewhere(
    layer: Conv, x: Float32Array, weight: Float32Array, before: Float32Array, value: float
) -> float:
    """Return the largest change of an output whose window does not hold the outlier.

    Every place of the outlier in a tile counts: it is put into several pixels, one at a time.
    """
    largest = 0.0
    for place in range(x.shape[2] // 2, x.shape[2] // 2 + 5 * layer.stride[0]):
        changed = x.copy()
        changed[0, 0, place, place] = value
        seen = np.zeros_like(x)
        seen[0, 0, place, place] = 1
        inside = convolve(layer, seen, np.ones_like(weight), "direct") != 0
        after = convolve(layer, changed, weight, "winograd")
        largest = max(largest, float(np.abs(after - before)[~inside].max()))
    return largest


if __name__ == "__main__":
    sys.exit(main())
