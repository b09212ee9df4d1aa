"""A convolution by Winograd's algorithm whose weights are used as they are read, and not kept."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.packed.conv_packing import PART_FLOATS
from alexnet_cy.engine.packed.rows import for_each_row_block
from alexnet_cy.engine.packed.winograd_packing import blocked_weight, winograd_shape
from alexnet_cy.kernels import _runtime
from alexnet_cy.kernels.convolution._winograd_streaming import MOST_TILES, StreamedWinograd
from alexnet_cy.network.windows import Pair

__all__ = ["Tiling", "can_stream", "convolve_streamed", "filters_at_a_time"]

# Parts of the filters, at least, so that the threads can share them.
FEWEST_PARTS = 4


class Tiling(NamedTuple):
    """The input and the output of a Winograd convolution, cut into tiles.

    Attributes
    ----------
    x : ndarray of float32, shape (N, H, W, C), C-contiguous
        Padding included; in blocks, if there is a stride.
    y : ndarray of float32, shape (N, P, Q, O)
    rows, columns : ndarray of intp
        Where the tiles begin along each axis, and at the end P and Q.
    """

    x: Float32Array
    y: Float32Array
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


def can_stream(tiling: Tiling) -> bool:
    """Return whether there are tiles, and few enough of them."""
    n_tiles = len(tiling.x) * (len(tiling.rows) - 1) * (len(tiling.columns) - 1)
    return 1 <= n_tiles <= MOST_TILES


def convolve_streamed(
    weight: TensorRef,
    bias: Float32Array | None,
    tiling: Tiling,
    *,
    stride: Pair,
    groups: int,
    relu: bool,
    kernels: object,
    threads: int,
) -> None:
    """Write y = relu(convolution of x + bias), and keep no weights.

    Every thread packs, transforms and multiplies filters where it has read them. The bits are those
    of packed weights.

    Parameters
    ----------
    weight : TensorRef
        Of shape (O, C / groups, R, S).
    bias : ndarray of float32, shape (O,), or None for zeros
    tiling : Tiling
        One that `can_stream`.
    stride, groups, kernels
        As for `winograd_packing.winograd_shape`.
    relu : bool
    threads : int

    Raises
    ------
    WeightsError
        The weights cannot be read.
    """
    shape = winograd_shape(weight.shape, stride=stride, groups=groups, kernels=kernels)
    n_filters = filters_at_a_time(weight.shape, groups, _runtime.tile_of(kernels)[2])
    with StreamedWinograd(shape, bias, *tiling, relu, threads) as streamed:

        def take_filters(first: int, filters: Float32Array) -> bool:
            return streamed.take_filters(first, blocked_weight(filters, stride))

        for_each_row_block(weight, n_filters, threads, take_filters)


def filters_at_a_time(weight_shape: tuple[int, ...], groups: int, panel_width: int) -> int:
    """Return how many filters to read together: whole panels, of whole groups if need be."""
    out_channels, *rest = weight_shape
    group_out = out_channels // groups
    if groups > 1 and group_out % panel_width:
        return group_out
    filters = panel_width
    while (
        (groups == 1 or group_out % (2 * filters) == 0)
        and out_channels >= 2 * filters * FEWEST_PARTS
        and 2 * filters * prod(rest) <= PART_FLOATS
    ):
        filters *= 2
    return filters
