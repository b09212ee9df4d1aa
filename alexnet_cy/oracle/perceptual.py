"""The perceptual distance LPIPS as its definition, in plain NumPy.

Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018, equation 1. All arithmetic is in float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["unit_distance", "upsample_bilinear"]

Array = NDArray[np.float64]


def unit_distance(a: ArrayLike, b: ArrayLike, weight: ArrayLike, epsilon: float) -> Array:
    """Compare the features of two images pixel by pixel.

    ``d[n, h, w] = sum over c of weight[c] * (a[n, c, h, w] / |a| - b[n, c, h, w] / |b|)^2``, where
    ``|x| = sqrt(sum over c of x[n, c, h, w]^2) + epsilon``.

    Parameters
    ----------
    a, b : array_like, shape (N, C, H, W)
    weight : array_like, shape (C,)
    epsilon : float

    Returns
    -------
    ndarray of float64, shape (N, H, W)
    """
    unit_a, unit_b = (_unit_length(np.asarray(x, np.float64), epsilon) for x in (a, b))
    distance: Array = np.einsum("c,nchw->nhw", np.asarray(weight, float), (unit_a - unit_b) ** 2)
    return distance


def _unit_length(x: Array, epsilon: float) -> Array:
    length: Array = np.sqrt((x**2).sum(axis=1, keepdims=True)) + epsilon
    return x / length


def upsample_bilinear(x: ArrayLike, height: int, width: int) -> Array:
    """Enlarge images as PyTorch's bilinear upsampling does with ``align_corners=False``.

    Output pixel i of n lies at ``(i + 1/2) m / n - 1/2`` between the m input pixels, at 0 if that
    is less, and beyond the last pixel there is the last pixel.

    Parameters
    ----------
    x : array_like, shape (..., H, W)
    height, width : int

    Returns
    -------
    ndarray of float64, shape (..., height, width)
    """
    x = np.asarray(x, np.float64)
    rows, columns = _interpolation(x.shape[-2], height), _interpolation(x.shape[-1], width)
    enlarged: Array = np.einsum("ph,...hw,qw->...pq", rows, x, columns)
    return enlarged


def _interpolation(n_input: int, n_output: int) -> Array:
    """Return the matrix (outputs, inputs) of one axis."""
    matrix = np.zeros((n_output, n_input))
    for i in range(n_output):
        place = max((i + 0.5) * n_input / n_output - 0.5, 0.0)
        first = int(place)
        matrix[i, first] += 1 - (place - first)
        matrix[i, min(first + 1, n_input - 1)] += place - first
    return matrix
