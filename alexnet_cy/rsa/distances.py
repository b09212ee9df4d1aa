"""The distance of every row of one table to every row of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.rsa.rows import Metric, Rows, centred, lengths, products

__all__ = ["distances"]

# Below this share of the sum of squares a difference of squares has lost half of its digits.
CANCELLED = 1e-7


def distances(
    a: Rows, b: Rows, metric: Metric, name_a: str = "features", name_b: str = "features"
) -> NDArray[np.float64]:
    """Return the distances of rows, (N, M).

    With x less its own mean for a correlation:
    correlation, cosine: ``1 - sum(x * y) / (|x| |y|)``; Euclidean: ``sqrt(sum((x - y)^2))``.

    Parameters
    ----------
    a, b : (N, F), (M, F)
    metric : {"correlation", "cosine", "euclidean"}
    name_a, name_b : str
        What errors call them.

    Raises
    ------
    ValueError
        A row has no direction: it is constant, or zero.
    """
    if metric == "euclidean":
        return _euclidean(a, b)
    shift_a, shift_b = centred(a, metric), centred(b, metric)
    length_a = lengths(a, shift_a, name_a, metric)
    length_b = length_a if b is a else lengths(b, shift_b, name_b, metric)
    cosines = products(a, b, shift_a, shift_b) / length_a[:, None] / length_b
    return 1 - np.clip(cosines, -1, 1)


def _euclidean(a: Rows, b: Rows) -> NDArray[np.float64]:
    """Take |x|^2 + |y|^2 - 2 x y of rows less their common mean, and x - y where that cancels."""
    shift = b.mean(axis=0, dtype=np.float64, keepdims=True)
    squares_a, squares_b = (_squares(x, shift) for x in (a, b))
    sums = squares_a[:, None] + squares_b
    squares = sums - 2 * products(a, b, shift, shift)
    for i, j in zip(*np.nonzero(squares <= CANCELLED * sums), strict=True):
        squares[i, j] = np.sum((a[i].astype(np.float64) - b[j]) ** 2)
    return np.sqrt(squares)


def _squares(x: Rows, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([np.sum((row.astype(np.float64) - shift[0]) ** 2) for row in x])
