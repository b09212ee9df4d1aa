"""The kernels of the backward pass, called as functions of arrays in the layout of the outside.

Arrays are (N, C, H, W) or (N, F), weights as files have them. Blocks of images are computed one
after the other where a gradient is a sum over images.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.winograd_packing import blocked_weight, winograd_of, winograd_shape
from alexnet_cy.engine.winograd import block_taps, tile_cuts
from alexnet_cy.kernels import _layout
from alexnet_cy.kernels._linear import PackedLinear
from alexnet_cy.kernels.convolution._conv import DirectConv2d, PackedConv
from alexnet_cy.kernels.convolution._winograd import WinogradConv2d
from alexnet_cy.kernels.training._conv_gradients import (
    ChannelSums,
    ConvWeightGradient,
    RotateWeights,
    clear_beyond,
)
from alexnet_cy.kernels.training._linear_gradients import LinearWeightGradient
from alexnet_cy.kernels.training._winograd_gradients import (
    WinogradKernelGradient,
    WinogradWeightGradient,
    transformed_floats,
)

Array = NDArray[np.float32]


def blocks_of(n_images: int, block: int | None) -> Iterator[tuple[slice, bool]]:
    """The images in blocks, and whether a block adds to those before."""
    size = block or max(n_images, 1)
    for first in range(0, max(n_images, 1), size):
        yield slice(first, first + size), first > 0


def nhwc(x: Array, gap: int = 0) -> Array:
    """Channels last; with a gap, a view whose pixels are `gap` floats of NaN apart."""
    n, c, h, w = x.shape
    whole = np.full((n, h, w, c + gap), np.nan, np.float32)
    whole[..., :c] = x.transpose(0, 2, 3, 1)
    return whole[..., :c]


def nchw(x: Array) -> Array:
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def empty_bias(packed: PackedConv | PackedLinear) -> Array:
    return np.zeros(packed.bias_memory.nbytes // 4, np.float32)


def unpacked(like: PackedConv, gradient: Array) -> Array:
    """A gradient in the layout of packed weights, as (O, C / groups, R, S)."""
    holder = PackedConv(
        like.out_channels,
        like.group_channels,
        like.kernel_h,
        like.kernel_w,
        None,
        like.groups,
        like.capsule,
    )
    np.frombuffer(holder.weight_memory, np.float32)[:] = gradient
    return holder.unpack()[0]


def padded_images(x: Array, padding: tuple[tuple[int, int], tuple[int, int]]) -> Array:
    return np.ascontiguousarray(nhwc(np.pad(x, ((0, 0), (0, 0), *padding))))


def conv_weight_gradient(
    x: Array,
    shape: tuple[int, int, int, int],
    e: Array,
    kernels: object,
    *,
    stride: tuple[int, int] = (1, 1),
    groups: int = 1,
    algorithm: str = "direct",
    threads: int = 1,
    block: int | None = None,
    gap: int = 0,
) -> Array:
    """Of weights of this shape; x is padded. NaN stands wherever nothing should be read."""
    zeros = np.zeros(shape, np.float32)
    if algorithm == "direct":
        like = pack_array(zeros, None, groups, kernels)
        gradient = np.full(like.weight_memory.nbytes // 4, np.nan, np.float32)
        images, errors = np.ascontiguousarray(nhwc(x)), nhwc(e, gap)
        for part, adds in blocks_of(len(x), block):
            ConvWeightGradient(like, images[part], errors[part], gradient, *stride, adds).run(
                threads
            )
        return unpacked(like, gradient)

    like = pack_array(blocked_weight(zeros, stride), None, groups, kernels)
    winograd = winograd_shape(shape, stride=stride, groups=groups, kernels=kernels)
    images, errors = in_blocks(x, e.shape[2:], shape, stride), nhwc(e, gap)
    taps = block_taps(shape[2:], stride)
    cuts = [tile_cuts(n, r) for n, r in zip(e.shape[2:], taps, strict=True)]
    du = np.full(transformed_floats(winograd), np.nan, np.float32)
    for part, adds in blocks_of(len(x), block):
        WinogradWeightGradient(winograd, images[part], errors[part], du, *cuts, adds).run(threads)
    gradient = np.full(like.weight_memory.nbytes // 4, np.nan, np.float32)
    WinogradKernelGradient(winograd, du, gradient).run(threads)
    if stride != (1, 1):
        clear_beyond(like, gradient, stride, shape[2:])
        return unblocked(unpacked(like, gradient), shape, stride)
    return unpacked(like, gradient)


def in_blocks(
    x: Array, outputs: tuple[int, ...], shape: tuple[int, ...], stride: tuple[int, int]
) -> Array:
    """Padded images as the forward convolution has them, cut into blocks of the stride."""
    if stride == (1, 1):
        return np.ascontiguousarray(nhwc(x))
    rows, columns = (n + r - 1 for n, r in zip(outputs, block_taps(shape[2:], stride), strict=True))
    cut = np.empty((len(x), rows, columns, x.shape[1] * stride[0] * stride[1]), np.float32)
    _layout.space_to_depth(np.ascontiguousarray(x), cut, stride, (0, 0), 1)
    return cut


def unblocked(blocked: Array, shape: tuple[int, ...], stride: tuple[int, int]) -> Array:
    """The inverse of `blocked_weight`; what is beyond the kernel has to be zero."""
    out_channels, channels, kernel_h, kernel_w = shape
    taps_h, taps_w = blocked.shape[2:]
    parts = blocked.reshape(out_channels, *stride, channels, taps_h, taps_w)
    whole = parts.transpose(0, 3, 4, 1, 5, 2).reshape(
        out_channels, channels, taps_h * stride[0], taps_w * stride[1]
    )
    assert not whole[:, :, kernel_h:].any()
    assert not whole[:, :, :, kernel_w:].any()
    return np.ascontiguousarray(whole[:, :, :kernel_h, :kernel_w])


def conv_data_gradient(
    weight: Array,
    e: Array,
    kernels: object,
    *,
    groups: int = 1,
    algorithm: str = "direct",
    threads: int = 1,
) -> Array:
    """By the padded images, of a convolution of stride 1."""
    out_channels, channels, *kernel = weight.shape
    source = pack_array(weight, None, groups, kernels)
    target = PackedConv(channels * groups, out_channels // groups, *kernel, None, groups, kernels)
    RotateWeights(source, target).run(threads)
    margin = tuple((r - 1, r - 1) for r in kernel)
    errors = padded_images(e, margin)
    size = [n + r - 1 for n, r in zip(e.shape[2:], kernel, strict=True)]
    dx = np.full((len(e), *size, channels * groups), np.nan, np.float32)
    if algorithm == "direct":
        DirectConv2d(target, errors, dx, 1, 1, False, False).run(threads)
    else:
        cuts = [tile_cuts(n, r) for n, r in zip(size, kernel, strict=True)]
        WinogradConv2d(winograd_of(target), errors, dx, *cuts, False).run(threads)
    return nchw(dx)


def conv_bias_gradient(
    e: Array,
    kernels: object,
    *,
    groups: int = 1,
    threads: int = 1,
    block: int | None = None,
    gap: int = 0,
) -> Array:
    like = PackedConv(e.shape[1], 1, 1, 1, None, groups, kernels)
    gradient, errors = empty_bias(like), nhwc(e, gap)
    for part, adds in blocks_of(len(e), block):
        ChannelSums(kernels, errors[part], gradient, groups, adds).run(threads)
    np.frombuffer(like.bias_memory, np.float32)[:] = gradient
    return like.unpack()[1]


def linear_weight_gradient(
    x: Array, e: Array, kernels: object, *, threads: int = 1, block: int | None = None
) -> Array:
    """(O, I)."""
    like = PackedLinear(e.shape[1], x.shape[1], None, kernels, 1)
    gradient = np.zeros(like.row_stride * like.in_features, np.float32)
    for part, adds in blocks_of(len(x), block):
        LinearWeightGradient(like, x[part], e[part], gradient, adds).run(threads)
    rows = gradient.reshape(x.shape[1], like.row_stride)
    assert not rows[:, e.shape[1] :].any()
    return np.ascontiguousarray(rows[:, : e.shape[1]].T)
