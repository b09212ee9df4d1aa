"""The same problem in the inner products of the images: for fewer images than features.

W is always a sum of the images, W = A Z (all gradients are), so its scores y = A G + b need the
matrix G = Z Z^T alone, and so do the inner products of all W that L-BFGS computes:
<A1 Z, A2 Z> = sum of A1 * (A2 G). A point holds A, A G and b side by side. The steps are those of
the other form, at a cost of N * N instead of 2 * N * F: a ninth for 2000 images and pool5.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.training.head.lbfgs import Minimum, minimise
from alexnet_cy.training.head.logistic import (
    Array,
    Layer,
    Rows,
    loss_and_gradient,
    mean_and_scale,
    unscaled_layer,
)

__all__ = ["GramProblem"]

BLOCK_FEATURES = 1024


class GramProblem:
    """The problem in A and b; parameters as of `make_problem`."""

    def __init__(
        self, features: Float32Array, labels: NDArray[np.intp], n_classes: int, weights: Array
    ) -> None:
        self._features, self._labels, self._weights = features, labels, weights
        self._n_classes = n_classes
        self._mean, self._scale = mean_and_scale(features)
        self._gram = np.zeros((len(features), len(features)))
        for z in self._columns(np.arange(len(features))):
            self._gram += z @ z.T

    def fit(self, rows: Rows, c: float, start: Array | None = None) -> Minimum:
        """Fit to some of the images; see `LogisticProblem`."""
        share = self._weights[rows]
        total = float(share.sum())
        share = share / total
        decay = 1 / (c * total)
        labels = self._labels[rows]
        gram = self._gram[np.ix_(rows, rows)]

        def objective(point: Array) -> tuple[float, Array]:
            a, products, b = self._parts(point)
            y = products.T + b
            loss = loss_and_gradient(y, labels, share) + decay / 2 * float(np.vdot(a, products))
            da, db = y.T, y.sum(axis=0)
            gradient = (da + decay * a).ravel(), (da @ gram + decay * products).ravel(), db
            return loss, np.concatenate(gradient)

        def dot(u: Array, v: Array) -> float:
            a, _, b = self._parts(u)
            _, products, other = self._parts(v)
            return float(np.vdot(a, products) + b @ other)

        size = self._n_classes * (2 * len(rows) + 1)
        return minimise(objective, np.zeros(size) if start is None else start, dot=dot)

    def scores(self, fit: Minimum, fitted: Rows, rows: Rows) -> Array:
        """Return y of some images; see `LogisticProblem`."""
        a, _, b = self._parts(fit.x)
        y: Array = self._gram[np.ix_(rows, fitted)] @ a.T + b
        return y

    def layer(self, fit: Minimum, fitted: Rows) -> Layer:
        """Return a fit as a layer; see `LogisticProblem`."""
        a, _, b = self._parts(fit.x)
        w = np.concatenate([a @ z for z in self._columns(fitted)], axis=1)
        return unscaled_layer(w, b, self._mean, self._scale)

    def _parts(self, point: Array) -> tuple[Array, Array, Array]:
        """Return A, A G and b of a point."""
        matrices = point[: -self._n_classes].reshape(2, self._n_classes, -1)
        return matrices[0], matrices[1], point[-self._n_classes :]

    def _columns(self, rows: Rows) -> Iterator[Array]:
        """Yield z of some images, (rows, some features), from the first feature to the last."""
        for first in range(0, self._features.shape[1], BLOCK_FEATURES):
            part = slice(first, first + BLOCK_FEATURES)
            yield (self._features[rows, part] - self._mean[part]) / self._scale
