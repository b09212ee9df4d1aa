"""The layers written as their definitions, in plain NumPy: the oracle that all else is held to.

Arrays are (N, C, H, W) or (N, F). All arithmetic is in `dtype`, float64 unless another is
given; infinities and NaN travel as IEEE 754 has them, without warnings. The names of the arguments
are those of `alexnet_cy.ops`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.network.norm_region import Region, check_region
from alexnet_cy.network.windows import PairLike, as_pair
from alexnet_cy.oracle.window_pixels import PaddingLike, window_pixels

__all__ = [
    "adaptive_avg_pool2d",
    "conv2d",
    "linear",
    "local_response_norm",
    "max_pool2d",
    "relu",
    "softmax",
]

Array: TypeAlias = NDArray[np.floating[Any]]

ieee_arithmetic = np.errstate(over="ignore", invalid="ignore")


@ieee_arithmetic
def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: PairLike = 1,
    padding: PaddingLike = 0,
    groups: int = 1,
    relu: bool = False,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Correlate images with filters, add the bias, and cut off below zero if asked to.

    ``y[n, o, p, q] = bias[o] + sum over c, r, s of
    weight[o, c, r, s] * x[n, c, p * stride + r - top, q * stride + s - left]``, with zeros outside
    the image; with groups, c runs over the input channels of the group that filter o belongs to.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        Images.
    weight : array_like, shape (O, C / groups, kernel height, kernel width)
        Filters; they are not flipped.
    bias : array_like, shape (O,), optional
        Nothing is added if left out.
    stride : int or (height, width)
        Distance of two windows, in pixels.
    padding : int, (height, width) or ((top, bottom), (left, right))
        Zeros around the image, in pixels; smaller than the kernel.
    groups : int
        Number of equal parts that the input channels and the filters are cut into.
    relu : bool
        Whether max(0, y) is returned.
    dtype : dtype
        Of the arithmetic and the result.

    Returns
    -------
    ndarray, shape (N, O, P, Q)

    Raises
    ------
    ValueError
        If the shapes do not go together, or the kernel does not fit the image.
    """
    images, filters = _as_array("x", x, 4, dtype), _as_array("weight", weight, 4, dtype)
    out_channels, group_channels, kernel_height, kernel_width = filters.shape
    if groups < 1 or images.shape[1] != group_channels * groups or out_channels % groups:
        raise ValueError(
            f"x of shape {images.shape} and weight of shape {filters.shape} do not make "
            f"{groups} equal groups of channels"
        )
    windows = window_pixels(images, (kernel_height, kernel_width), stride, padding, fill=0.0)
    y = np.zeros((len(images), out_channels, *windows[0, 0].shape[2:]), dtype)
    for group in range(groups):
        of_out = slice(group * out_channels // groups, (group + 1) * out_channels // groups)
        of_in = slice(group * group_channels, (group + 1) * group_channels)
        for (r, s), pixels in windows.items():
            # y[n, o, p, q] += sum over c of weight[o, c, r, s] * (pixel r, s of window p, q)
            y[:, of_out] += np.einsum(
                "oc,ncpq->nopq", filters[of_out, :, r, s], pixels[:, of_in], optimize=True
            )
    return _add_bias(y, bias, relu)


def max_pool2d(
    x: ArrayLike,
    kernel_size: PairLike,
    *,
    stride: PairLike | None = None,
    padding: PaddingLike = 0,
    ceil_mode: bool = False,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Take the largest pixel of every window; NaN if one of them is NaN.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        Images.
    kernel_size, stride : int or (height, width)
        Size and distance of the windows, in pixels; `stride` defaults to `kernel_size`.
    padding : int, (height, width) or ((top, bottom), (left, right))
        In pixels, smaller than the kernel; it is never the maximum.
    ceil_mode : bool
        Whether the last window may hang over the border: `alexnet_cy.network.windows.window_count`.
    dtype : dtype
        Of the result.

    Returns
    -------
    ndarray, shape (N, C, P, Q)

    Raises
    ------
    ValueError
        If no window fits the image, or an argument is out of range.
    """
    images = _as_array("x", x, 4, dtype)
    kernel = as_pair(kernel_size, "kernel_size", minimum=1)
    windows = window_pixels(
        images, kernel, kernel if stride is None else stride, padding, ceil_mode, fill=-np.inf
    )
    y: Array = np.maximum.reduce(list(windows.values()))
    return y


@ieee_arithmetic
def local_response_norm(
    x: ArrayLike,
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    region: Region = "across_channels",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Divide each value by a power of the energy in the channels, or the pixels, around it.

    ``y[n, c] = x[n, c] / (k + alpha / size * sum over j of x[n, j] ** 2) ** beta``, where j runs
    from ``c - size // 2`` to ``c + (size - 1) // 2`` as far as there are channels (Krizhevsky et
    al. 2012, section 3.3; alpha divided by size, and an even window reaching one channel further
    down than up, as in PyTorch).

    Within a channel the sum is over the size x size pixels around the value's own, and alpha is
    divided by ``size ** 2``, also where the window hangs over the border: Caffe (lrn_layer.cpp)
    takes the average of the squares with (size - 1) / 2 zeros about them, which it divides by the
    part of a window that lies in the padded image (pooling_layer.cpp), here always all of it.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        Images.
    size : int
        Channels in the window, at least 1; or pixels along each side of it, an odd number.
    alpha, beta, k : float
        As in the formula.
    region : {"across_channels", "within_channel"}
        Where the window is.
    dtype : dtype
        Of the arithmetic and the result.

    Returns
    -------
    ndarray, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        If `x` has no four axes, or `size` is not a whole number from 1 up, odd within a channel.
    """
    images = _as_array("x", x, 4, dtype)
    size = as_count(size, "size")
    check_region(region, size)
    if region == "within_channel":
        if images.size == 0:
            return np.empty_like(images)
        pixels = window_pixels(images**2, (size, size), 1, size // 2, fill=0.0)
        energy = np.add.reduce(list(pixels.values()))
        normed: Array = images / (k + alpha / size**2 * energy) ** beta
        return normed
    y = np.empty_like(images)
    for c in range(images.shape[1]):
        window = images[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        y[:, c] = images[:, c] / (k + alpha / size * np.sum(window**2, axis=1)) ** beta
    return y


def adaptive_avg_pool2d(
    x: ArrayLike, output_size: PairLike, *, dtype: DTypeLike = np.float64
) -> Array:
    """Average regions that share an image out evenly, as PyTorch's layer of that name.

    Of P outputs down an image of height H, number p averages rows ``floor(p * H / P)`` up to, not
    including, ``ceil((p + 1) * H / P)``; columns likewise. Regions overlap where P does not divide
    H, and repeat rows where P is larger.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        Images.
    output_size : int or (height, width)
        In pixels.
    dtype : dtype
        Of the arithmetic and the result.

    Returns
    -------
    ndarray, shape (N, C, *output_size)

    Raises
    ------
    ValueError
        If `x` has no four axes, an empty one among the last two, or `output_size` is less than 1.
    """
    images = _as_array("x", x, 4, dtype)
    down, across = as_pair(output_size, "output_size", minimum=1)
    height, width = images.shape[2:]
    if min(height, width) < 1:
        raise ValueError(f"x must have at least one row and one column, got shape {images.shape}")
    y = np.empty((*images.shape[:2], down, across), dtype)
    for p in range(down):
        rows = slice(p * height // down, -(-(p + 1) * height // down))
        for q in range(across):
            columns = slice(q * width // across, -(-(q + 1) * width // across))
            y[:, :, p, q] = images[:, :, rows, columns].mean(axis=(2, 3))
    return y


@ieee_arithmetic
def linear(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    relu: bool = False,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Compute ``x @ weight.T + bias``, cut off below zero if asked to.

    Parameters
    ----------
    x : array_like, shape (N, F)
        One row per image.
    weight : array_like, shape (O, F)
        One row per neuron.
    bias : array_like, shape (O,), optional
        Nothing is added if left out.
    relu : bool
        Whether max(0, y) is returned.
    dtype : dtype
        Of the arithmetic and the result.

    Returns
    -------
    ndarray, shape (N, O)

    Raises
    ------
    ValueError
        If the shapes do not go together.
    """
    rows, neurons = _as_array("x", x, 2, dtype), _as_array("weight", weight, 2, dtype)
    if rows.shape[1] != neurons.shape[1]:
        raise ValueError(
            f"weight of shape {neurons.shape} needs x of shape (N, {neurons.shape[1]}), "
            f"got {rows.shape}"
        )
    return _add_bias(rows @ neurons.T, bias, relu)


def relu(x: ArrayLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Return max(0, x) of an array of any shape; NaN stays NaN."""
    y: Array = np.maximum(np.asarray(x, dtype), 0)
    return y


@ieee_arithmetic
def softmax(x: ArrayLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Turn rows into probabilities: ``y[n, i] = exp(x[n, i]) / sum over j of exp(x[n, j])``.

    The largest value of the row is subtracted first, which changes nothing but keeps exp in range.

    Parameters
    ----------
    x : array_like, shape (N, F) or (N, C, H, W)
        One row per image, or for each of its pixels, along the second axis; F at least 1.
    dtype : dtype
        Of the arithmetic and the result.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    ValueError
        If `x` has neither two nor four axes.
    """
    rows = _as_array("x", x, 4 if np.ndim(x) == 4 else 2, dtype)
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    y: Array = powers / powers.sum(axis=1, keepdims=True)
    return y


def _as_array(name: str, value: ArrayLike, dimensions: int, dtype: DTypeLike) -> Array:
    array = np.asarray(value, dtype)
    if array.ndim != dimensions:
        raise ValueError(f"{name} must have {dimensions} axes, got shape {array.shape}")
    return array


def _add_bias(y: Array, bias: ArrayLike | None, relu: bool) -> Array:
    """Add one bias per channel, axis 1, and cut off below zero if asked to."""
    if bias is not None:
        per_channel = np.asarray(bias, y.dtype)
        if per_channel.shape != y.shape[1:2]:
            raise ValueError(f"bias must have shape {y.shape[1:2]}, got {per_channel.shape}")
        y = y + per_channel.reshape(1, -1, *[1] * (y.ndim - 2))
    return np.maximum(y, 0) if relu else y
