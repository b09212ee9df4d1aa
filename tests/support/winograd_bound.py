"""How far Winograd's convolution may be from the oracle: the bound of `closeness`, carried over.

An output is a sum over pairs of points, whose terms can be much larger than the output, as they
cancel. Its rounding errors are those of the sum of their absolute values: the algorithm is run
here, in float64, with the absolute values of everything that it adds. Every term of the sum goes
through the two input transforms (at most n additions and a product each, for n points), the two
transforms of the weights (r products, r additions and the rounding of a factor, for r taps), the
product over K channels, the two output transforms and the addition of the bias: at most
K + 2 (n_h + n_w + r_h + r_w) + 8 roundings. As the terms cancel, errors stay a
hundred times below this bound; so the contract of docs/numerics.md is asserted as well.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from support.closeness import assert_close_sum

from alexnet_cy.engine.packed.winograd_packing import blocked_weight
from alexnet_cy.engine.winograd import (
    block_taps,
    first_point,
    input_matrix,
    kernel_matrix,
    largest_tile,
    output_matrix,
    tile_cuts,
)
from alexnet_cy.network.windows import as_padding, as_pair
from alexnet_cy.oracle import definitions

# Of the largest output before the ReLU: the contract for whatever a network computes.
LARGEST_ERROR = 2e-5

Array = NDArray[np.float32]
Oracle = NDArray[np.float64]


def assert_winograd(
    computed: Array,
    x: Array,
    weight: Array,
    bias: Array,
    *,
    stride: int | tuple[int, int] = 1,
    padding: object = 0,
    groups: int = 1,
    relu: bool = False,
) -> None:
    """Compare a Winograd convolution of these arguments with the oracle."""
    exact = definitions.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)
    largest = np.abs(exact).max()
    exact = np.maximum(exact, 0) if relu else exact
    assert np.abs(computed - exact).max() <= LARGEST_ERROR * largest
    strides = as_pair(stride, "stride", minimum=1)
    taps = block_taps(weight.shape[2:], strides)
    blocks = _blocks(x, exact.shape[2:], taps, strides, as_padding(padding, weight.shape[2:]))
    kernel = blocked_weight(weight, strides)
    parts = [
        _sum_of_magnitudes(channels, filters, exact.shape[2:])
        for channels, filters in zip(
            np.split(blocks, groups, axis=1), np.split(kernel, groups), strict=True
        )
    ]
    magnitude = np.concatenate(parts, axis=1) + np.abs(bias)[:, np.newaxis, np.newaxis]
    points = sum(largest_tile(r) + r - 1 for r in taps)
    assert_close_sum(computed, exact, kernel.shape[1] + 2 * (points + sum(taps)) + 6, magnitude)


def _blocks(x: Array, outputs, taps, stride, padding) -> Oracle:
    """Cut padded images into blocks, (N, C, H, W) to (N, dy dx C, rows of blocks, columns)."""
    n, channels, height, width = x.shape
    rows, columns = (m + r - 1 for m, r in zip(outputs, taps, strict=True))
    whole = np.zeros((n, channels, rows * stride[0], columns * stride[1]))
    top, left = padding[0][0], padding[1][0]
    inside = whole[:, :, top : top + height, left : left + width]
    inside[...] = x[:, :, : inside.shape[2], : inside.shape[3]]
    cut = whole.reshape(n, channels, rows, stride[0], columns, stride[1])
    return cut.transpose(0, 3, 5, 1, 2, 4).reshape(n, -1, rows, columns)


def _sum_of_magnitudes(x: Oracle, weight: Array, outputs) -> Oracle:
    """Add the absolute values of all that the algorithm adds, tile by tile."""
    taps = weight.shape[2:]
    down, across = (kernel_matrix(r) for r in taps)
    u = np.abs(np.einsum("ir,ocrs,js->ijoc", down, weight, across, optimize=True))
    rows, columns = (tile_cuts(m, r) for m, r in zip(outputs, taps, strict=True))
    total = np.zeros((len(x), len(weight), *outputs))
    for top, bottom in pairwise(rows.tolist()):
        for left, right in pairwise(columns.tolist()):
            b_h, a_h = _magnitudes(bottom - top, taps[0])
            b_w, a_w = _magnitudes(right - left, taps[1])
            patch = np.abs(x[:, :, top : top + len(b_h), left : left + len(b_w)])
            v = np.einsum("ip,ncpq,jq->ijnc", b_h, patch, b_w, optimize=True)
            i, j = first_point(bottom - top, taps[0]), first_point(right - left, taps[1])
            of_tile = u[i : i + len(b_h), j : j + len(b_w)]
            m = np.einsum("ijnc,ijoc->ijno", v, of_tile, optimize=True)
            y = np.einsum("pi,ijno,qj->nopq", a_h, m, a_w, optimize=True)
            total[:, :, top:bottom, left:right] = y
    return total


def _magnitudes(outputs: int, taps: int) -> tuple[Oracle, Oracle]:
    matrices = input_matrix(outputs, taps), output_matrix(outputs, taps)
    b_t, a_t = (np.abs(matrix).astype(np.float64) for matrix in matrices)
    return b_t, a_t
