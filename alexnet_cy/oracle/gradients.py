"""The gradient of each layer as its definition, in plain NumPy: what training is held to.

A layer computes y from x; L is a loss. Every function takes dy, the gradient of L by y, and returns
the gradients by what the layer reads. Arrays are (N, C, H, W) or (N, F), all arithmetic is in
`dtype`, and the other arguments are those of the same layer in `alexnet_cy.oracle.definitions`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from alexnet_cy.network.norm_region import Region, window_values
from alexnet_cy.network.windows import PairLike, as_padding, as_pair
from alexnet_cy.oracle.definitions import Array
from alexnet_cy.oracle.window_pixels import PaddingLike, window_pixels

__all__ = [
    "adaptive_avg_pool2d_gradient",
    "conv2d_gradients",
    "cross_entropy",
    "dropout",
    "linear_gradients",
    "local_response_norm_gradient",
    "max_pool2d_gradient",
    "relu_gradient",
]


def conv2d_gradients(
    x: ArrayLike,
    weight: ArrayLike,
    dy: ArrayLike,
    *,
    stride: PairLike = 1,
    padding: PaddingLike = 0,
    groups: int = 1,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, Array, Array]:
    """Differentiate a convolution, without ReLU, by its images, filters and biases.

    ``dx[n, c, p * stride + r - top, q * stride + s - left] += weight[o, c, r, s] * dy[n, o, p, q]``
    ``dweight[o, c, r, s] = sum over n, p, q of x[...] * dy[n, o, p, q]``, with the same x
    ``dbias[o] = sum over n, p, q of dy[n, o, p, q]``

    Parameters
    ----------
    x, weight, stride, padding, groups
        As of `conv2d`.
    dy : array_like, shape (N, O, P, Q)
    dtype : dtype

    Returns
    -------
    dx, dweight, dbias : ndarray
        Of the shapes of x, weight and (O,).
    """
    filters, gradient = np.asarray(weight, dtype), np.asarray(dy, dtype)
    out_channels, group_channels, *kernel = filters.shape
    images = np.asarray(x, dtype)
    # Every window's pixels in x, and in the zeros that dx starts from: views of one padded array.
    kernel_size = kernel[0], kernel[1]
    pixels = window_pixels(images, kernel_size, stride, padding, fill=0.0)
    padded, places = _padded_zeros(images, kernel_size, stride, padding)
    dweight = np.zeros_like(filters)
    for group in range(groups):
        of_out = slice(group * out_channels // groups, (group + 1) * out_channels // groups)
        of_in = slice(group * group_channels, (group + 1) * group_channels)
        for (r, s), window in pixels.items():
            dweight[of_out, :, r, s] = np.einsum(
                "nopq,ncpq->oc", gradient[:, of_out], window[:, of_in], optimize=True
            )
            places[r, s][:, of_in] += np.einsum(
                "oc,nopq->ncpq", filters[of_out, :, r, s], gradient[:, of_out], optimize=True
            )
    return _inside(padded, images, kernel_size, padding), dweight, gradient.sum(axis=(0, 2, 3))


def linear_gradients(
    x: ArrayLike, weight: ArrayLike, dy: ArrayLike, *, dtype: DTypeLike = np.float64
) -> tuple[Array, Array, Array]:
    """Differentiate ``y = x @ weight.T + bias`` by x (N, F), weight (O, F) and bias (O,)."""
    rows, neurons, gradient = (np.asarray(value, dtype) for value in (x, weight, dy))
    return gradient @ neurons, gradient.T @ rows, gradient.sum(axis=0)


def relu_gradient(y: ArrayLike, dy: ArrayLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Differentiate ``y = max(0, x)`` by x: dy where y is positive, and 0 at 0."""
    return np.where(np.asarray(y) > 0, np.asarray(dy, dtype), np.zeros((), dtype))


def max_pool2d_gradient(
    x: ArrayLike,
    dy: ArrayLike,
    kernel_size: PairLike,
    *,
    stride: PairLike | None = None,
    padding: PaddingLike = 0,
    ceil_mode: bool = False,
    winners: NDArray[np.integer[Any]] | None = None,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Differentiate max pooling: the first maximum of a window takes the whole of its gradient.

    First in the order of rows, then columns, as in Caffe and PyTorch.

    Parameters
    ----------
    x, kernel_size, stride, padding, ceil_mode
        As of `max_pool2d`.
    dy : array_like, shape (N, C, P, Q)
    winners : ndarray of int, shape (N, C, P, Q), optional
        The pixel of each window that takes its gradient, counted along its rows, in place of the
        first maximum.
    dtype : dtype

    Returns
    -------
    ndarray, shape (N, C, H, W)
    """
    images, gradient = np.asarray(x, dtype), np.asarray(dy, dtype)
    kernel = as_pair(kernel_size, "kernel_size", minimum=1)
    step = kernel if stride is None else stride
    pixels = window_pixels(images, kernel, step, padding, ceil_mode, fill=-np.inf)
    if winners is None:
        winners = np.argmax(np.stack(list(pixels.values())), axis=0)  # the first of equal ones
    padded, places = _padded_zeros(images, kernel, step, padding, ceil_mode)
    for number, place in enumerate(pixels):
        places[place] += np.where(winners == number, gradient, 0)
    return _inside(padded, images, kernel, padding)


def local_response_norm_gradient(
    x: ArrayLike,
    dy: ArrayLike,
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    region: Region = "across_channels",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Differentiate local response normalisation.

    With ``s[c] = k + alpha / size * sum over j of x[j] ** 2`` for j in c's window,
    ``dx[c] = dy[c] * s[c] ** -beta - 2 * alpha / size * beta * x[c] *
    sum over i of dy[i] * x[i] * s[i] ** (-beta - 1)``, where i runs over the channels whose window
    holds c: for an even size the mirror image of c's own. Within a channel c, i and j are pixels,
    and alpha is divided by ``size ** 2``.

    Parameters
    ----------
    x, size, alpha, beta, k, region
        As of `local_response_norm`.
    dy : array_like, shape (N, C, H, W)
    dtype : dtype

    Returns
    -------
    ndarray, shape (N, C, H, W)
    """
    images, gradient = np.asarray(x, dtype), np.asarray(dy, dtype)
    factor = alpha / window_values(size, region)
    below, above = size // 2, (size - 1) // 2
    windows = _pixel_window if region == "within_channel" else _channel_window
    sums = k + factor * windows(images**2, below, above)
    terms = gradient * images * sums ** (-beta - 1)
    shared = windows(terms, above, below)
    dx: Array = gradient * sums**-beta - 2 * factor * beta * images * shared
    return dx


def adaptive_avg_pool2d_gradient(
    x: ArrayLike, dy: ArrayLike, *, dtype: DTypeLike = np.float64
) -> Array:
    """Differentiate adaptive average pooling of x (N, C, H, W) to the size of dy (N, C, P, Q).

    Each pixel takes an equal part of the gradient of every average that it is in.
    """
    gradient: Array = np.asarray(dy, dtype)
    dx: Array = np.zeros(np.shape(x), dtype)
    height, width = dx.shape[2:]
    down, across = gradient.shape[2:]
    for p in range(down):
        rows = slice(p * height // down, -(-(p + 1) * height // down))
        for q in range(across):
            columns = slice(q * width // across, -(-(q + 1) * width // across))
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            dx[:, :, rows, columns] += gradient[:, :, p : p + 1, q : q + 1] / area
    return dx


def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    dtype: DTypeLike = np.float64,
) -> tuple[float, Array]:
    """Compute the softmax cross-entropy of a batch and its gradient by the logits.

    ``loss = sum over n of w[n] * (log(sum over j of exp(z[n, j])) - z[n, labels[n]])`` and
    ``dz[n, j] = w[n] * (softmax(z[n])[j] - (j == labels[n]))``.

    Parameters
    ----------
    logits : array_like, shape (N, classes)
    labels : array_like of int, shape (N,)
    weights : array_like, shape (N,), optional
        1 / N each if left out: the mean. With class weights c it is ``c[labels[n]] / sum of
        c[labels]``, as in PyTorch.
    dtype : dtype

    Returns
    -------
    loss : float
    dz : ndarray, shape (N, classes)
    """
    z, truth = np.asarray(logits, dtype), np.asarray(labels)
    share = np.full(len(z), 1 / len(z), dtype) if weights is None else np.asarray(weights, dtype)
    shifted = z - z.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    total = powers.sum(axis=1, keepdims=True)
    rows = np.arange(len(z))
    loss = float((share * (np.log(total[:, 0]) - shifted[rows, truth])).sum())
    dz = powers / total
    dz[rows, truth] -= 1
    dz *= share[:, None]
    return loss, dz


def dropout(
    x: ArrayLike, kept: NDArray[np.bool_], p: float, *, dtype: DTypeLike = np.float64
) -> Array:
    """Return x / (1 - p) where it is kept, else 0: "inverted" dropout, which is none at test time.

    It is linear in x, and so its own gradient: ``dx = dropout(dy, kept, p)``.
    """
    y: Array = np.where(kept, np.asarray(x, dtype), 0) / np.asarray(1 - p, dtype)
    return y


def _channel_window(values: Array, below: int, above: int) -> Array:
    """Add up the channels from `below` under to `above` over each one, as far as there are any."""
    channels = values.shape[1]
    padded = np.pad(values, ((0, 0), (below, above), (0, 0), (0, 0)))
    total: Array = np.zeros_like(values)
    for i in range(below + above + 1):
        total += padded[:, i : i + channels]
    return total


def _pixel_window(values: Array, before: int, after: int) -> Array:
    """Add up the pixels from `before` to `after` around each one, as far as there are any."""
    size, sides = before + after + 1, (before, after)
    pixels = window_pixels(values, (size, size), 1, (sides, sides), fill=0.0)
    total: Array = np.add.reduce(list(pixels.values()))
    return total


def _padded_zeros(
    images: Array,
    kernel: tuple[int, int],
    stride: PairLike,
    padding: PaddingLike,
    ceil_mode: bool = False,
) -> tuple[Array, dict[tuple[int, int], Array]]:
    """Return zeros as large as the padded images, and a view of them for each pixel of a window."""
    (top, bottom), (left, right) = as_padding(padding, kernel)
    over = max(kernel) + max(as_pair(stride, "stride", minimum=1))  # windows may hang over
    height, width = images.shape[2:]
    padded = np.zeros(
        (*images.shape[:2], top + height + bottom + over, left + width + right + over), images.dtype
    )
    down, across = as_pair(stride, "stride", minimum=1)
    shape = window_pixels(images[:1], kernel, stride, padding, ceil_mode, fill=0.0)[0, 0].shape
    rows, columns = shape[2] * down, shape[3] * across
    return padded, {
        (r, s): padded[:, :, r : r + rows : down, s : s + columns : across]
        for r in range(kernel[0])
        for s in range(kernel[1])
    }


def _inside(padded: Array, images: Array, kernel: tuple[int, int], padding: PaddingLike) -> Array:
    """Cut the images out of what stands about them."""
    (top, _), (left, _) = as_padding(padding, kernel)
    height, width = images.shape[2:]
    return padded[:, :, top : top + height, left : left + width]
