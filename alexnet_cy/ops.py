"""The operations of AlexNet one by one, with PyTorch's names for their arguments.

Every function takes and returns float32 arrays, images as (N, C, H, W). float16, float64, other
byte orders and memory layouts are converted; integers, complex numbers and objects are refused.
Inputs are never written to; results are new arrays. `threads` is the number of threads, None for
the default (see `alexnet_cy.machine.threads.resolve_threads`); it does not change a bit of the
result, and neither does the number of images.

Inside, images are (N, H, W, C); the conversion of x and y is part of the cost of a call here. A
whole network (`alexnet_cy.AlexNet`) converts once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.scalars import as_count, as_real
from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.arrays import aligned_zeros, as_float32
from alexnet_cy.engine.choice.conv_algorithms import ConvProblem, choose_algorithm
from alexnet_cy.engine.ops_convolution import (
    check_groups,
    convolve,
    output_size,
    to_nchw,
    to_nhwc,
)
from alexnet_cy.engine.packed.linear_packing import pack_linear
from alexnet_cy.kernels import _linear, _lrn, _pool, _softmax
from alexnet_cy.machine.levels import active_kernels
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network.windows import Padding, PairLike, as_padding, as_pair

__all__ = [
    "adaptive_avg_pool2d",
    "conv2d",
    "linear",
    "local_response_norm",
    "max_pool2d",
    "relu",
    "softmax",
]

IMAGES = "(N, C, H, W)"


def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: PairLike = 1,
    padding: PairLike | Padding = 0,
    groups: int = 1,
    relu: bool = False,
    algorithm: str = "auto",
    threads: int | None = None,
) -> Float32Array:
    """Convolve (correlate, as everywhere in deep learning: the kernel is not flipped).

    ``y[n, o, p, q] = bias[o] + sum over c, r, s of weight[o, c, r, s] *
    x[n, g * C / groups + c, p * stride_h + r - top, q * stride_w + s - left]``, where g is the
    group of o and what lies outside x is zero; with `relu`, max(0, y).

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    weight : array_like, shape (O, C / groups, R, S)
    bias : array_like, shape (O,), optional
    stride : int or (height, width)
    padding : int, (height, width) or ((top, bottom), (left, right))
        Smaller than the kernel.
    groups : int
    relu : bool
    algorithm : {"auto", "winograd", "direct", "im2col"}
        The algorithm; see docs/architecture.md. Direct and im2col agree to the last bit;
        Winograd's errors are larger (docs/numerics.md).
    threads : int, optional

    Returns
    -------
    ndarray of float32, shape (N, O, P, Q)
        P = floor((H + top + bottom - R) / stride_h) + 1, and Q likewise.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    images = as_float32(x, "x", 4, IMAGES)
    kernel = as_float32(weight, "weight", 4, "(O, C / groups, R, S)")
    offsets = None if bias is None else as_float32(bias, "bias", 1, "(O,)")
    n_threads = resolve_threads(threads)
    n_images, channels, height, width = images.shape
    out_channels, group_channels, kernel_h, kernel_w = kernel.shape
    if 0 in kernel.shape:
        raise ValueError(f"weight: no axis may be empty, got shape {kernel.shape}")
    n_groups = as_count(groups, "groups")
    check_groups(n_groups, channels, out_channels, group_channels)
    if offsets is not None and offsets.shape != (out_channels,):
        raise ValueError(f"bias: need shape ({out_channels},), got {offsets.shape}")
    strides = as_pair(stride, "stride", minimum=1)
    pads = as_padding(padding, (kernel_h, kernel_w))
    rows, columns = output_size((height, width), (kernel_h, kernel_w), strides, pads)

    chosen = choose_algorithm(
        ConvProblem(
            channels,
            out_channels,
            (kernel_h, kernel_w),
            strides,
            n_groups,
            (rows, columns),
            reads_images=True,
        ),
        algorithm,
    )
    y = aligned_zeros((n_images, rows, columns, out_channels))
    convolve(
        images,
        kernel,
        offsets,
        y,
        algorithm=chosen,
        stride=strides,
        padding=pads,
        groups=n_groups,
        relu=relu,
        kernels=active_kernels(),
        threads=n_threads,
    )
    return to_nchw(y, n_threads)


def max_pool2d(
    x: ArrayLike,
    kernel_size: PairLike,
    *,
    stride: PairLike | None = None,
    padding: PairLike | Padding = 0,
    ceil_mode: bool = False,
    threads: int | None = None,
) -> Float32Array:
    """Take the maximum over windows that are clipped to the image.

    ``y[n, c, p, q] = max of x[n, c, h, w]`` over p * stride_h - top <= h < ... + kernel height,
    and w likewise. NaN wins wherever it stands; padding never does.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    kernel_size : int or (height, width)
    stride : int or (height, width), optional
        `kernel_size` if left out.
    padding : int, (height, width) or ((top, bottom), (left, right))
        Smaller than the kernel.
    ceil_mode : bool
        Whether the last window may hang over the border (Caffe's rule and PyTorch's option).
    threads : int, optional

    Returns
    -------
    ndarray of float32, shape (N, C, P, Q)
        The counts of windows that `alexnet_cy.network.windows.window_count` gives.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    images = as_float32(x, "x", 4, IMAGES)
    n_threads = resolve_threads(threads)
    kernel = as_pair(kernel_size, "kernel_size", minimum=1)
    strides = kernel if stride is None else as_pair(stride, "stride", minimum=1)
    pads = as_padding(padding, kernel)
    n_images, channels, height, width = images.shape
    rows, columns = output_size((height, width), kernel, strides, pads, ceil_mode=ceil_mode)
    y = aligned_zeros((n_images, rows, columns, channels))
    corner = (pads[0][0], pads[1][0])
    pixels = to_nhwc(images, n_threads)
    _pool.MaxPool2d(active_kernels(), pixels, y, kernel, strides, corner).run(n_threads)
    return to_nchw(y, n_threads)


def adaptive_avg_pool2d(
    x: ArrayLike, output_size: PairLike, *, threads: int | None = None
) -> Float32Array:
    """Average over parts of the image: as many parts as the output has pixels.

    ``y[n, c, p, q] = mean of x[n, c, h, w]`` over floor(p H / P) <= h < ceil((p + 1) H / P), and w
    likewise (PyTorch's AdaptiveAvgPool2d).

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        H and W at least 1.
    output_size : int or (P, Q)
    threads : int, optional

    Returns
    -------
    ndarray of float32, shape (N, C, P, Q)

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    images = as_float32(x, "x", 4, IMAGES)
    n_threads = resolve_threads(threads)
    size = as_pair(output_size, "output_size", minimum=1)
    if 0 in images.shape[2:]:
        raise ValueError(f"x: the image is empty, got shape {images.shape}")
    y = aligned_zeros((images.shape[0], *size, images.shape[1]))
    _pool.AdaptiveAvgPool2d(active_kernels(), to_nhwc(images, n_threads), y).run(n_threads)
    return to_nchw(y, n_threads)


def local_response_norm(
    x: ArrayLike,
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    threads: int | None = None,
) -> Float32Array:
    """Normalise across channels.

    ``y[c] = x[c] * (k + alpha / size * sum of x[j]**2) ** -beta`` over the channels j from
    c - size // 2 to c + (size - 1) // 2 that exist (Caffe's LRN and PyTorch's LocalResponseNorm;
    the paper of 2012 and TensorFlow do not divide alpha: multiply theirs by size).

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    size : int
        Channels in the window, at least 1.
    alpha, beta, k : float
        beta = 0.75 is computed with square roots; any other with a power function.
    threads : int, optional

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    images = as_float32(x, "x", 4, IMAGES)
    n_threads = resolve_threads(threads)
    window = as_count(size, "size")
    factor, exponent, offset = as_real(alpha, "alpha"), as_real(beta, "beta"), as_real(k, "k")
    y = to_nhwc(images, n_threads)
    norm = _lrn.LocalResponseNorm(active_kernels(), y, y, window, factor, exponent, offset)
    norm.run(n_threads)
    return to_nchw(y, n_threads)


def linear(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    relu: bool = False,
    threads: int | None = None,
) -> Float32Array:
    """Multiply by a matrix: ``y[n, o] = bias[o] + sum over i of x[n, i] * weight[o, i]``.

    Parameters
    ----------
    x : array_like, shape (N, I)
    weight : array_like, shape (O, I)
    bias : array_like, shape (O,), optional
    relu : bool
        max(0, y).
    threads : int, optional

    Returns
    -------
    ndarray of float32, shape (N, O)

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    vectors = as_float32(x, "x", 2, "(N, I)")
    matrix = as_float32(weight, "weight", 2, "(O, I)")
    offsets = None if bias is None else as_float32(bias, "bias", 1, "(O,)")
    n_threads = resolve_threads(threads)
    if 0 in matrix.shape:
        raise ValueError(f"weight: no axis may be empty, got shape {matrix.shape}")
    if vectors.shape[1] != matrix.shape[1]:
        raise ValueError(
            f"x: need shape (N, {matrix.shape[1]}) for weight of shape {matrix.shape}, "
            f"got {vectors.shape}"
        )
    if offsets is not None and offsets.shape != matrix.shape[:1]:
        raise ValueError(f"bias: need shape ({matrix.shape[0]},), got {offsets.shape}")
    packed = pack_linear(ArrayTensor(matrix), offsets, active_kernels(), n_threads)
    y = np.empty((vectors.shape[0], matrix.shape[0]), np.float32)
    _linear.Linear(packed, vectors, y, relu).run(n_threads)
    return y


def relu(x: ArrayLike, *, threads: int | None = None) -> Float32Array:
    """Return ``max(0, x)`` for an array of any shape; NaN stays NaN.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    values = as_float32(x, "x")
    y = np.empty(values.shape, np.float32)
    n_threads = resolve_threads(threads)
    _softmax.Relu(active_kernels(), values.reshape(-1), y.reshape(-1)).run(n_threads)
    return y


def softmax(x: ArrayLike, *, threads: int | None = None) -> Float32Array:
    """Return ``exp(x - m) / sum(exp(x - m))`` along the last axis, m the maximum along it.

    Parameters
    ----------
    x : array_like, shape (N, F)
        A row with a NaN or +inf gives a row of NaN.
    threads : int, optional

    Returns
    -------
    ndarray of float32, shape (N, F)

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    rows = as_float32(x, "x", 2, "(N, F)")
    y = np.empty(rows.shape, np.float32)
    n_threads = resolve_threads(threads)
    _softmax.Softmax(active_kernels(), rows, y).run(n_threads)
    return y
