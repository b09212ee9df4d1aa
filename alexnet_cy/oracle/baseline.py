"""The layers in float32 as a NumPy user would write them: what our speed is compared with.

Convolution is im2col and a matrix product by NumPy's BLAS, image by image; pooling and
normalisation work on strided windows. `conv2d_loops` is convolution without NumPy's help.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool
from alexnet_cy.network.windows import NO_PADDING, Padding, Pair
from alexnet_cy.oracle.definitions import adaptive_avg_pool2d, softmax
from alexnet_cy.oracle.window_pixels import window_pixels

__all__ = ["baseline_layer", "conv2d_im2col", "conv2d_loops", "window_columns"]


def conv2d_im2col(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    groups: int = 1,
    relu: bool = False,
) -> Float32Array:
    """Convolve by copying every window into a column and multiplying matrices.

    Parameters
    ----------
    x : float32 array, shape (N, C, H, W)
        Images.
    weight : float32 array, shape (O, C / groups, kernel height, kernel width)
        Filters.
    bias : float32 array, shape (O,), optional
        Nothing is added if left out.
    stride : (height, width)
        In pixels.
    padding : ((top, bottom), (left, right))
        Zeros around the image, in pixels.
    groups : int
        Number of equal parts that channels and filters are cut into.
    relu : bool
        Whether max(0, y) is returned.

    Returns
    -------
    float32 array, shape (N, O, P, Q)
    """
    out_channels, _, height, width = weight.shape
    windows = window_columns(x, (height, width), stride, padding)
    down, across = windows.shape[4:]
    matrices = weight.reshape(groups, out_channels // groups, -1)
    y = np.empty((len(x), groups, out_channels // groups, down * across), np.float32)
    for columns, out in zip(windows, y, strict=True):
        # One image at a time: the columns of conv1 alone are 4.4 MB for each.
        np.matmul(matrices, columns.reshape(groups, -1, down * across), out=out)
    return _finish(y.reshape(len(x), out_channels, down, across), bias, relu)


def window_columns(x: Float32Array, kernel_size: Pair, stride: Pair, padding: Padding) -> Any:
    """View the window of every output as a column: im2col, before it is copied.

    Parameters
    ----------
    x : float32 array, shape (N, C, H, W)
    kernel_size, stride, padding
        As of `conv2d_im2col`.

    Returns
    -------
    float32 array, shape (N, C, kernel height, kernel width, P, Q)
    """
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    windows = sliding_window_view(padded, kernel_size, axis=(2, 3))  # (N, C, P, Q, r, s)
    return windows[:, :, :: stride[0], :: stride[1]].transpose(0, 1, 4, 5, 2, 3)


def conv2d_loops(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    groups: int = 1,
    relu: bool = False,
) -> Float32Array:
    """Convolve in seven Python loops, on lists of floats; for small layers only.

    Parameters and result are those of `conv2d_im2col`.
    """
    out_channels, group_channels, kernel_height, kernel_width = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    down = (padded.shape[2] - kernel_height) // stride[0] + 1
    across = (padded.shape[3] - kernel_width) // stride[1] + 1
    y = np.empty((len(x), out_channels, down, across), np.float32)
    images, filters = padded.tolist(), weight.tolist()
    for n in range(len(x)):
        for o in range(out_channels):
            first_channel = o // (out_channels // groups) * group_channels
            for p in range(down):
                for q in range(across):
                    total = 0.0
                    for c in range(group_channels):
                        for r in range(kernel_height):
                            row = images[n][first_channel + c][p * stride[0] + r]
                            filter_row = filters[o][c][r]
                            for s in range(kernel_width):
                                total += filter_row[s] * row[q * stride[1] + s]
                    y[n, o, p, q] = total
    return _finish(y, bias, relu)


def baseline_layer(
    layer: Layer,
    x: Float32Array,
    weight: Float32Array | None = None,
    bias: Float32Array | None = None,
) -> Float32Array:
    """Compute one layer of a network in float32, its ReLU included.

    Parameters
    ----------
    layer : Layer
        The spec.
    x : float32 array, shape (N, C, H, W) or (N, F)
        The layer's input; a fully connected layer reads an image in the order channel, row, column.
    weight, bias : float32 array, optional
        Of a convolution or fully connected layer, in the shapes of its spec's `parameter_shapes`.

    Returns
    -------
    float32 array, shape (N, ...)

    Raises
    ------
    ValueError
        If `weight` is missing.
    """
    if isinstance(layer, Conv | Linear):
        if weight is None:
            raise ValueError(f"{layer.name} needs a weight")
        if isinstance(layer, Linear):
            y: Float32Array = x.reshape(len(x), weight.shape[1]) @ weight.T
            return _finish(y, bias, layer.relu)
        return conv2d_im2col(
            x,
            weight,
            bias,
            stride=layer.stride,
            padding=layer.padding,
            groups=layer.groups,
            relu=layer.relu,
        )
    if isinstance(layer, LRN):
        return _local_response_norm(layer, x)
    if isinstance(layer, MaxPool):
        return _max_pool2d(layer, x)
    if isinstance(layer, AdaptiveAvgPool):
        return adaptive_avg_pool2d(x, layer.output_size, dtype=np.float32).astype(np.float32)
    return softmax(x, dtype=np.float32).astype(np.float32)


def _local_response_norm(layer: LRN, x: Float32Array) -> Float32Array:
    """Divide by a power of the energy in the window of channels or pixels, zeros outside.

    A window of pixels is added up by its columns, then its rows.
    """
    energy = x * x
    for axis in (2, 3) if layer.within_channel else (1,):
        outside = [(0, 0)] * 4
        outside[axis] = (layer.size // 2, (layer.size - 1) // 2)
        padded = np.pad(energy, outside)
        energy = sliding_window_view(padded, layer.size, axis=axis).sum(axis=-1)
    y: Float32Array = x * (layer.k + layer.ops_alpha / layer.window_values * energy) ** -layer.beta
    return y


def _max_pool2d(layer: MaxPool, x: Float32Array) -> Float32Array:
    """Take the maximum over strided views, one for each place in the window.

    The maximum over the last two axes of a `sliding_window_view` is one line, but took 22 times as
    long for conv1's output (8.8 ms, here 0.4 ms): NumPy is slow at reducing short axes.
    """
    first, *others = window_pixels(
        x, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, fill=-np.inf
    ).values()
    y: Float32Array = first.copy()
    for other in others:
        np.maximum(y, other, out=y)
    return y


def _finish(y: Float32Array, bias: Float32Array | None, relu: bool) -> Float32Array:
    """Add one bias per channel, axis 1, and cut off below zero if asked to; in place."""
    if bias is not None:
        y += bias.reshape(1, -1, *[1] * (y.ndim - 2))
    if relu:
        np.maximum(y, 0, out=y)
    return y
