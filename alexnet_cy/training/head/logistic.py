"""Multinomial logistic regression on features, as a layer of the network.

With features x[i], labels t[i] and weights s[i] of the images, W and b minimise

    (1 / S) * sum over i of s[i] * (log sum over k of exp(y[i, k]) - y[i, t[i]])
        + |W|^2 / (2 * C * S)

    y[i] = W z[i] + b,   z[i] = (x[i] - m) / d,   S = sum of s

m is the mean of x and d the mean length of x - m, so that C means the same for all features. This
is scikit-learn's objective and its C; b costs nothing. The layer takes x itself: W / d and
b - W m / d are computed in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.records import record
from alexnet_cy.training.head.lbfgs import Minimum, minimise

__all__ = ["Layer", "LogisticProblem", "PrimalProblem", "balanced_weights", "make_problem"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

BLOCK_ROWS = 1024

MAX_GRAM_IMAGES = 8192
"""Up to so many images their inner products are kept, 512 MiB of float64, if features are more."""


@record(frozen=True, slots=True)
class Layer:
    """A last layer.

    Attributes
    ----------
    weight : ndarray of float32, shape (classes, features)
    bias : ndarray of float32, shape (classes,)
    """

    weight: Float32Array
    bias: Float32Array


class LogisticProblem(Protocol):
    """Features and labels that a layer is fitted to, once or several times."""

    def fit(self, rows: Rows, c: float, start: Array | None = None) -> Minimum:
        """Fit to some of the images, with scikit-learn's C, from the point of another fit."""

    def scores(self, fit: Minimum, fitted: Rows, rows: Rows) -> Array:
        """Return y of some images, (rows, classes), by a fit to the images `fitted`."""

    def layer(self, fit: Minimum, fitted: Rows) -> Layer:
        """Return a fit as a layer that takes the features as they are."""


def make_problem(
    features: Float32Array,
    labels: NDArray[np.intp],
    n_classes: int,
    weights: Array | None = None,
) -> LogisticProblem:
    """Return the problem in the form that costs less.

    Parameters
    ----------
    features : ndarray of float32, shape (N, F)
    labels : ndarray of int, shape (N,)
        0 to classes - 1.
    n_classes : int
    weights : ndarray of float64, shape (N,), optional
        How much each image counts; 1 if left out.
    """
    from alexnet_cy.training.head.gram import GramProblem

    n_images, n_features = features.shape
    if weights is None:
        weights = np.ones(n_images)
    kind = GramProblem if n_images < min(n_features, MAX_GRAM_IMAGES) else PrimalProblem
    return kind(features, labels, n_classes, weights)


class PrimalProblem:
    """The problem in W and b: for more images than features. Parameters as of `make_problem`."""

    def __init__(
        self, features: Float32Array, labels: NDArray[np.intp], n_classes: int, weights: Array
    ) -> None:
        self._features, self._labels, self._weights = features, labels, weights
        self._n_classes = n_classes
        self._mean, self._scale = mean_and_scale(features)

    def fit(self, rows: Rows, c: float, start: Array | None = None) -> Minimum:
        """Fit to some of the images; see `LogisticProblem`."""
        share = self._weights[rows]
        total = float(share.sum())
        share = share / total
        decay = 1 / (c * total)

        def objective(point: Array) -> tuple[float, Array]:
            w, b = self._parts(point)
            loss, dw, db = decay / 2 * float(np.vdot(w, w)), decay * w, np.zeros_like(b)
            for part, z in self._blocks(rows):
                y = z @ w.T + b
                loss += loss_and_gradient(y, self._labels[rows[part]], share[part])
                dw += y.T @ z
                db += y.sum(axis=0)
            return loss, np.concatenate([dw.ravel(), db])

        size = self._n_classes * (self._features.shape[1] + 1)
        return minimise(objective, np.zeros(size) if start is None else start)

    def scores(self, fit: Minimum, fitted: Rows, rows: Rows) -> Array:
        """Return y of some images; see `LogisticProblem`."""
        w, b = self._parts(fit.x)
        return np.concatenate([z @ w.T + b for _, z in self._blocks(rows)])

    def layer(self, fit: Minimum, fitted: Rows) -> Layer:
        """Return a fit as a layer; see `LogisticProblem`."""
        w, b = self._parts(fit.x)
        return unscaled_layer(w, b, self._mean, self._scale)

    def _parts(self, point: Array) -> tuple[Array, Array]:
        """Return W and b of a point."""
        return point[: -self._n_classes].reshape(self._n_classes, -1), point[-self._n_classes :]

    def _blocks(self, rows: Rows) -> Iterator[tuple[slice, Array]]:
        """Yield z of some images, block by block."""
        for first in range(0, len(rows), BLOCK_ROWS):
            part = slice(first, first + BLOCK_ROWS)
            yield part, (self._features[rows[part]] - self._mean) / self._scale


def mean_and_scale(features: Float32Array) -> tuple[Array, float]:
    """Return m, (F,), and d of features; d is 1 where all of them are the same."""
    mean = features.mean(axis=0, dtype=np.float64)
    lengths = [
        np.linalg.norm(features[first : first + BLOCK_ROWS] - mean, axis=1).sum()
        for first in range(0, len(features), BLOCK_ROWS)
    ]
    return mean, float(sum(lengths)) / max(1, len(features)) or 1.0


def loss_and_gradient(y: Array, labels: NDArray[np.intp], share: Array) -> float:
    """Return the sum of share * loss over the rows of y, and put its gradient into y.

    d loss[i] / d y[i, k] = share[i] * (exp(y[i, k]) / sum of exp(y[i]) - (k == labels[i]))
    """
    places = np.arange(len(y))
    y -= y.max(axis=1, keepdims=True)
    own = y[places, labels]
    np.exp(y, out=y)
    sums = y.sum(axis=1)
    loss = float(share @ (np.log(sums) - own))
    y *= (share / sums)[:, None]
    y[places, labels] -= share
    return loss


def unscaled_layer(w: Array, b: Array, mean: Array, scale: float) -> Layer:
    """Return W / d and b - W m / d, for features that are not centred and scaled."""
    w = w / scale
    return Layer(w.astype(np.float32), (b - w @ mean).astype(np.float32))


def balanced_weights(labels: NDArray[np.intp], n_classes: int) -> Array:
    """Return weights with which all classes count the same: N / (classes * images of the class)."""
    counts = np.bincount(labels, minlength=n_classes)
    weights: Array = len(labels) / (np.count_nonzero(counts) * counts[labels])
    return weights
