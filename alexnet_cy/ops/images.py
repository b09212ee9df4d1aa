"""The operations on images (N, C, H, W)."""

from __future__ import annotations

from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.scalars import as_count, as_real
from alexnet_cy.engine.arrays import aligned_zeros, as_float32
from alexnet_cy.engine.choice.conv_algorithms import ConvProblem, choose_algorithm
from alexnet_cy.engine.ops_convolution import (
    check_groups,
    convolve,
    output_size,
    to_nchw,
    to_nhwc,
)
from alexnet_cy.kernels import _lrn, _pool
from alexnet_cy.machine.levels import active_kernels
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network.norm_region import Region, check_region
from alexnet_cy.network.windows import Padding, PairLike, as_padding, as_pair

__all__ = [
    "adaptive_avg_pool2d",
    "conv2d",
    "local_response_norm",
    "max_pool2d",
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
    region: Region = "across_channels",
    threads: int | None = None,
) -> Float32Array:
    """Normalise across channels, or within each.

    ``y[c] = x[c] * (k + alpha / size * sum of x[j]**2) ** -beta`` over the channels j from
    c - size // 2 to c + (size - 1) // 2 that exist (Caffe's LRN and PyTorch's LocalResponseNorm;
    the paper of 2012 and TensorFlow do not divide alpha: multiply theirs by size).

    Within a channel, Caffe's ``norm_region: WITHIN_CHANNEL``,
    ``y[h, w] = x[h, w] * (k + alpha / size**2 * sum of x[i, j]**2) ** -beta`` over the pixels
    of the same channel with abs(i - h) and abs(j - w) up to (size - 1) / 2 that exist; alpha is
    divided by size**2 at the borders too, as by Caffe. Caffe on a CPU has k = 1 there.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    size : int
        Channels in the window, at least 1; or pixels along each side of it, an odd number.
    alpha, beta, k : float
        beta = 0.75 is computed with square roots; any other with a power function.
    region : {"across_channels", "within_channel"}
        Where the window is.
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
    check_region(region, window)
    factor, exponent, offset = as_real(alpha, "alpha"), as_real(beta, "beta"), as_real(k, "k")
    within = region == "within_channel"
    pixels = to_nhwc(images, n_threads)
    y = aligned_zeros(pixels.shape) if within else pixels
    norm = _lrn.LocalResponseNorm(
        active_kernels(), pixels, y, window, factor, exponent, offset, within
    )
    norm.run(n_threads)
    return to_nchw(y, n_threads)
