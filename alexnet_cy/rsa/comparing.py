"""How alike two representational dissimilarity matrices are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alexnet_cy.contracts.arrays import as_array

__all__ = ["METHODS", "compare"]

METHODS = ("spearman", "kendall", "kendall-a", "pearson")

Vector = NDArray[np.float64]


def compare(a: ArrayLike, b: ArrayLike, method: str = "spearman") -> float:
    """Correlate two matrices over all pairs of images.

    Parameters
    ----------
    a, b : array_like of floats, shape (N, N), N at least 3; or (N (N - 1) / 2,)
        Symmetric, as `rdm` makes them; or their parts above the diagonal, row by row, as
        ``scipy.spatial.distance.squareform`` makes them.
    method : {"spearman", "kendall", "kendall-a", "pearson"}
        Spearman's rho, with mean ranks of equal values; Kendall's tau-b; Kendall's tau-a, which
        Nili et al. (PLOS Computational Biology 10, 2014) advise where a model predicts equal
        values; Pearson's r.

    Returns
    -------
    float
        -1 to 1.

    Raises
    ------
    TypeError, ValueError
        A matrix is none of these, they are of different sizes, or all values of one are equal.
    """
    if method not in METHODS:
        raise ValueError(f"method: need one of {', '.join(METHODS)}, got {method!r}")
    x, y = _above_diagonal(a, "a"), _above_diagonal(b, "b")
    if len(x) != len(y):
        raise ValueError(f"a, b: have {len(x)} and {len(y)} pairs of images; need the same images")
    for name, values in (("a", x), ("b", y)):
        if values.min() == values.max():
            raise ValueError(f"{name}: all dissimilarities are equal, so nothing correlates")
    if method.startswith("kendall"):
        return _kendall(x, y, with_ties=method == "kendall")
    return _pearson(x, y) if method == "pearson" else _pearson(_ranks(x), _ranks(y))


def _above_diagonal(matrix: ArrayLike, name: str) -> Vector:
    array: NDArray[Any] = np.asarray(as_array(matrix, name))
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: need numbers, got {array.dtype.name}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: not all dissimilarities are finite")
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        largest = float(np.abs(array).max(initial=0))
        if not np.allclose(array, array.T, rtol=1e-5, atol=1e-7 * largest):
            raise ValueError(f"{name}: need a symmetric matrix")
        array = array[np.triu_indices(len(array), 1)]
    if array.ndim != 1 or len(array) < 3:
        raise ValueError(
            f"{name}: need (N, N) with N at least 3, or the part above the diagonal, got shape "
            f"{array.shape}"
        )
    return array.astype(np.float64)


def _pearson(x: Vector, y: Vector) -> float:
    """``sum(x y) / (|x| |y|)`` of values less their means.

    Scaled to 1 at first, so that no square overflows or vanishes.
    """
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1, 1))


def _ranks(x: Vector) -> Vector:
    """Return ranks from 1 up; equal values have the mean of theirs."""
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Vector = (last - (counts - 1) / 2)[place.reshape(-1)]
    return ranks


def _kendall(x: Vector, y: Vector, *, with_ties: bool) -> float:
    """``(concordant - discordant) / pairs``; for tau-b the pairs are those without ties.

    Knight, Journal of the American Statistical Association 61 (1966): in the order of x, and of y
    where x is tied, the discordant pairs are the inversions of y.
    """
    n = len(x)
    of_x, of_y = (np.unique(values, return_inverse=True)[1].reshape(-1) for values in (x, y))
    order = np.lexsort((of_y, of_x))
    pairs = n * (n - 1) // 2
    tied_x, tied_y = _tied(of_x), _tied(of_y)
    tied_both = _tied(of_x.astype(np.int64) * n + of_y)
    difference = pairs - tied_x - tied_y + tied_both - 2 * _inversions(of_y[order])
    if not with_ties:
        return difference / pairs
    return difference / float(np.sqrt(float(pairs - tied_x)) * np.sqrt(float(pairs - tied_y)))


def _tied(values: NDArray[np.integer[Any]]) -> int:
    """Count pairs of equal values."""
    counts = np.unique(values, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def _inversions(values: NDArray[np.integer[Any]]) -> int:
    """Count pairs whose first value is the larger one.

    The two differ in a highest bit, where the first has 1 and the second 0, and agree above it. So
    for every bit, among the values that agree above it, the ones before each zero are counted.
    """
    total = 0
    for bit in reversed(range(int(values.max()).bit_length())):
        values = values[np.argsort(values >> (bit + 1), kind="stable")]
        above = values >> (bit + 1)
        ones = (values >> bit) & 1
        before = np.cumsum(ones) - ones
        starts = np.flatnonzero(np.r_[True, above[1:] != above[:-1]])
        of_group = np.repeat(before[starts], np.diff(np.r_[starts, len(values)]))
        total += int((before - of_group)[ones == 0].sum())
    return total
