"""Convolutions and layouts for `ops`: from (N, C, H, W) to (N, H, W, C) and back."""

from __future__ import annotations

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.arrays import aligned_zeros, padded_nhwc
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.winograd_packing import blocked_weight, pack_winograd, winograd_shape
from alexnet_cy.engine.packed.winograd_streaming import Tiling, can_stream
from alexnet_cy.engine.winograd import block_taps, tile_cuts
from alexnet_cy.kernels import _layout
from alexnet_cy.kernels.convolution import _conv, _winograd
from alexnet_cy.kernels.convolution._winograd_streaming import StreamedWinograd
from alexnet_cy.network.windows import Padding, Pair, window_count

__all__ = ["check_groups", "convolve", "output_size", "to_nchw", "to_nhwc"]


def convolve(
    images: Float32Array,
    kernel: Float32Array,
    offsets: Float32Array | None,
    y: Float32Array,
    *,
    algorithm: str,
    stride: Pair,
    padding: Padding,
    groups: int,
    relu: bool,
    kernels: object,
    threads: int,
    streamed: bool = True,
) -> None:
    """Convolve (N, C, H, W) images into y, (N, P, Q, O), by an algorithm that can.

    Parameters
    ----------
    images, kernel, offsets, y
        x, weight and bias of `ops.conv2d`, and its result with the channels last.
    algorithm, stride, padding, groups, relu, threads
        As for `ops.conv2d`; the algorithm is one that can, not "auto".
    kernels : capsule
        Of the instruction-set level.
    streamed : bool
        Whether Winograd's weights are transformed as they are used, where the tiles are few enough.
    """
    n_images, channels, height, width = images.shape
    if algorithm != "winograd":
        patches = pack_array(kernel, offsets, groups, kernels)
        padded, inside = padded_nhwc(n_images, height, width, channels, padding)
        _layout.nchw_to_nhwc(images, inside, threads)
        _conv.DirectConv2d(patches, padded, y, *stride, relu, algorithm == "im2col").run(threads)
        return
    taps = block_taps((kernel.shape[2], kernel.shape[3]), stride)
    rows, columns = (n + r - 1 for n, r in zip(y.shape[1:3], taps, strict=True))
    blocks = aligned_zeros((n_images, rows, columns, channels * stride[0] * stride[1]))
    _layout.space_to_depth(images, blocks, stride, (padding[0][0], padding[1][0]), threads)
    cuts = tuple(tile_cuts(n, r) for n, r in zip(y.shape[1:3], taps, strict=True))
    tiling = Tiling(blocks, y, cuts[0], cuts[1])
    if streamed and can_stream(tiling):
        shape = winograd_shape(kernel.shape, stride=stride, groups=groups, kernels=kernels)
        with StreamedWinograd(shape, offsets, *tiling, relu, threads) as convolution:
            convolution.take_filters(0, blocked_weight(kernel, stride), threads)
    else:
        tiles = pack_winograd(kernel, offsets, stride=stride, groups=groups, kernels=kernels)
        _winograd.WinogradConv2d(tiles, *tiling, relu).run(threads)


def to_nhwc(images: Float32Array, threads: int) -> Float32Array:
    """Return (N, C, H, W) images as a new array (N, H, W, C)."""
    n_images, channels, height, width = images.shape
    y = aligned_zeros((n_images, height, width, channels))
    _layout.nchw_to_nhwc(images, y, threads)
    return y


def to_nchw(images: Float32Array, threads: int) -> Float32Array:
    """Return (N, H, W, C) images as a new array (N, C, H, W)."""
    n_images, height, width, channels = images.shape
    y = np.empty((n_images, channels, height, width), np.float32)
    _layout.NhwcToNchw(images, y).run(threads)
    return y


def check_groups(groups: int, channels: int, out_channels: int, group_channels: int) -> None:
    """Raise ValueError if the groups do not fit the channels of x and weight."""
    if channels % groups or out_channels % groups:
        raise ValueError(
            f"groups: {groups} must divide the {channels} channels of x and the {out_channels} of "
            "weight"
        )
    if group_channels * groups != channels:
        raise ValueError(
            f"weight: need {channels // groups} input channels per filter for {channels} channels "
            f"of x in {groups} groups, got {group_channels}"
        )


def output_size(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    *,
    ceil_mode: bool = False,
) -> tuple[int, int]:
    """Count the windows down and across; ValueError if none fits."""
    rows, columns = (
        window_count(*axis, ceil_mode=ceil_mode)
        for axis in zip(size, kernel, stride, padding, strict=True)
    )
    if rows < 1 or columns < 1:
        raise ValueError(
            f"x: the {kernel[0]}x{kernel[1]} kernel does not fit images of {size[0]}x{size[1]} "
            f"with padding {padding}"
        )
    return rows, columns
