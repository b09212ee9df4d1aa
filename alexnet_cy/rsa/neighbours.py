"""The nearest neighbours of images, by comparing with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.rsa.distances import distances
from alexnet_cy.rsa.rows import as_metric, as_rows

__all__ = ["Neighbours", "nearest"]

# Images that are compared with all others at a time.
QUERIES_AT_A_TIME = 256


@record(frozen=True, slots=True)
class Neighbours:
    """The nearest of some images.

    Attributes
    ----------
    indices : ndarray of intp, shape (Q, k)
        Rows of the features, the nearest first; of equally near ones the first row.
    distances : ndarray of float64, shape (Q, k)
    """

    indices: NDArray[np.intp]
    distances: NDArray[np.float64]


def nearest(
    features: ArrayLike,
    k: int = 5,
    *,
    of: Sequence[int] | None = None,
    queries: ArrayLike | None = None,
    metric: str = "cosine",
) -> Neighbours:
    """Find the images that are most like others.

    Every image is compared with every other one, which takes a matrix product and no index: 50,000
    images of fc7 take 0.8 GB as they are.

    Parameters
    ----------
    features : array_like of floats, shape (N, ...)
        A row for each image.
    k : int
        How many, less than N; with `queries` at most N.
    of : sequence of int, optional
        The rows of `features` whose neighbours are wanted; all of them if left out. A row is not
        its own neighbour.
    queries : array_like of floats, shape (Q, ...), optional
        Rows of other images, in place of `of`.
    metric : {"cosine", "correlation", "euclidean"}
        As for `rdm`.

    Returns
    -------
    Neighbours

    Raises
    ------
    TypeError, ValueError
        An argument does not fit, as for `rdm`; or the rows of the two are not of one length.
    """
    rows, checked = as_rows(features, "features"), as_metric(metric)
    own = np.arange(len(rows)) if of is None else _rows(of, len(rows))
    if queries is None:
        others = rows[own] if of is not None else rows
    elif of is None:
        others = as_rows(queries, "queries")
    else:
        raise TypeError("of, queries: give one of them")
    if others.shape[1] != rows.shape[1]:
        raise ValueError(
            f"queries: need rows of {rows.shape[1]} numbers, as features has, got {others.shape[1]}"
        )
    most = len(rows) - (queries is None)
    if as_count(k, "k") > most:
        raise ValueError(f"k: there are {most} images to choose from, got {k}")
    indices, found = [], []
    for begin in range(0, len(others), QUERIES_AT_A_TIME):
        part = others[begin : begin + QUERIES_AT_A_TIME]
        away = distances(part, rows, checked, "queries" if queries is not None else "features")
        if queries is None:
            away[np.arange(len(part)), own[begin : begin + len(part)]] = np.inf
        order = np.argsort(away, axis=1, kind="stable")[:, :k]
        indices.append(order)
        found.append(np.take_along_axis(away, order, axis=1))
    if not indices:
        return Neighbours(np.empty((0, k), np.intp), np.empty((0, k)))
    return Neighbours(np.concatenate(indices), np.concatenate(found))


def _rows(of: Any, n_rows: int) -> NDArray[np.intp]:
    if isinstance(of, str) or not hasattr(of, "__iter__"):
        raise TypeError(f"of: need a sequence of rows, got {of!r}")
    return np.array([_row(value, n_rows) for value in of], np.intp)


def _row(value: object, n_rows: int) -> int:
    row = as_count(value, "of", minimum=0)
    if row >= n_rows:
        raise ValueError(f"of: there are {n_rows} rows, got row {row}")
    return row
