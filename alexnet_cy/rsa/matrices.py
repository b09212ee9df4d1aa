"""Representational dissimilarity matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alexnet_cy.rsa.distances import distances
from alexnet_cy.rsa.rows import as_metric, as_rows

__all__ = ["rdm"]


def rdm(features: ArrayLike, metric: str = "correlation") -> NDArray[np.float64]:
    """Return how different every image is from every other one.

    Kriegeskorte, Mur and Bandettini, "Representational similarity analysis", Frontiers in Systems
    Neuroscience 2 (2008).

    Parameters
    ----------
    features : array_like of floats, shape (N, ...), N at least 2
        A row for each image; further axes count as one.
    metric : {"correlation", "cosine", "euclidean"}
        1 - Pearson's r of two rows; 1 - the cosine of their angle; or the length of their
        difference.

    Returns
    -------
    ndarray of float64, shape (N, N)
        Symmetric, with zeros on the diagonal.

    Raises
    ------
    TypeError
        The features are no floating-point numbers.
    ValueError
        There is no such metric; a row is not finite, or is constant or zero where the metric asks
        for a direction.
    """
    rows = as_rows(features, "features", minimum=2)
    matrix = distances(rows, rows, as_metric(metric))
    symmetric: NDArray[np.float64] = (matrix + matrix.T) / 2
    np.fill_diagonal(symmetric, 0)
    return symmetric
