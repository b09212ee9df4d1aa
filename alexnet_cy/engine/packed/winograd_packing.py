"""The weights of a convolution as Winograd's algorithm takes them, and what it knows besides."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.winograd import (
    block_taps,
    first_point,
    input_coefficients,
    kernel_matrix,
    largest_tile,
    output_coefficients,
    tile_points,
)
from alexnet_cy.kernels.convolution._conv import PackedConv
from alexnet_cy.kernels.convolution._winograd import PackedWinograd, WinogradShape
from alexnet_cy.network.windows import Pair

__all__ = ["blocked_weight", "pack_winograd", "winograd_of", "winograd_shape"]

Transform = tuple[int, int, bool, Float32Array, Float32Array]
"""The transforms of a tile along one axis, as `WinogradShape` takes them."""


def winograd_shape(
    weight_shape: tuple[int, ...], *, stride: Pair, groups: int, kernels: object
) -> WinogradShape:
    """Describe a convolution for Winograd's algorithm.

    Parameters
    ----------
    weight_shape : (O, C / groups, R, S)
    stride : (stride_h, stride_w)
        Larger strides than 1 need one group, and an input cut into blocks: the shape is that of
        `blocked_weight`.
    groups : int
    kernels : capsule
        The instruction-set level.

    Raises
    ------
    ValueError
        `groups` does not divide O.
    """
    out_channels, channels, kernel_h, kernel_w = weight_shape
    taps = block_taps((kernel_h, kernel_w), stride)
    matrices = tuple(kernel_matrix(r).astype(np.float32) for r in taps)
    return WinogradShape(
        out_channels,
        channels * stride[0] * stride[1],
        groups,
        (matrices[0], matrices[1]),
        (_transforms(taps[0]), _transforms(taps[1])),
        kernels,
    )


def winograd_of(panels: PackedConv) -> PackedWinograd:
    """Return the weights of `_winograd.WinogradConv2d`: those of a stride of 1, once packed."""
    shape = panels.out_channels, panels.group_channels, panels.kernel_h, panels.kernel_w
    described = winograd_shape(shape, stride=(1, 1), groups=panels.groups, kernels=panels.capsule)
    return PackedWinograd(described, panels)


def pack_winograd(
    weight: Float32Array,
    bias: Float32Array | None,
    *,
    stride: Pair,
    groups: int,
    kernels: object,
) -> PackedWinograd:
    """Pack weights that are in memory for `_winograd.WinogradConv2d`.

    Parameters
    ----------
    weight : ndarray of float32, shape (O, C / groups, R, S)
    bias : ndarray of float32, shape (O,), or None
    stride, groups, kernels
        As for `winograd_shape`.

    Raises
    ------
    ValueError
        The shapes do not fit one another.
    """
    return winograd_of(pack_array(blocked_weight(weight, stride), bias, groups, kernels))


def blocked_weight(weight: NDArray[np.float32], stride: Pair) -> NDArray[np.float32]:
    """Turn the weights of a convolution with a stride into those of one of stride 1 over blocks.

    Parameters
    ----------
    weight : ndarray of float32, shape (O, C, R, S)
    stride : (stride_h, stride_w)

    Returns
    -------
    ndarray of float32, shape (O, stride_h * stride_w * C, ceil(R / stride_h), ceil(S / stride_w))
        w[o, (dy * stride_w + dx) * C + c, r, s] is weight[o, c, r * stride_h + dy,
        s * stride_w + dx],
        zero where the kernel has ended: the input channels are those of `_layout.space_to_depth`.
        With a stride of 1 `weight` itself.
    """
    if stride == (1, 1):
        return weight
    out_channels, channels, kernel_h, kernel_w = weight.shape
    taps_h, taps_w = block_taps((kernel_h, kernel_w), stride)
    whole = np.zeros((out_channels, channels, taps_h * stride[0], taps_w * stride[1]), np.float32)
    whole[:, :, :kernel_h, :kernel_w] = weight
    blocks = whole.reshape(out_channels, channels, taps_h, stride[0], taps_w, stride[1])
    depth_first = blocks.transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(depth_first.reshape(out_channels, -1, taps_h, taps_w))


@cache
def _transforms(kernel_size: int) -> list[Transform]:
    """Return the transforms along one axis of tiles of 1, 2, ... outputs."""
    return [
        (
            outputs + kernel_size - 1,
            first_point(outputs, kernel_size),
            0.0 in tile_points(outputs, kernel_size)[1],
            input_coefficients(outputs, kernel_size),
            output_coefficients(outputs, kernel_size),
        )
        for outputs in range(1, largest_tile(kernel_size) + 1)
    ]
