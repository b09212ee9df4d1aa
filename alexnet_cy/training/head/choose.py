"""Which C: tried on a part of the images that are learnt from, so that no other image decides."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.records import record
from alexnet_cy.training.head.lbfgs import Minimum
from alexnet_cy.training.head.logistic import Layer, LogisticProblem

__all__ = ["CANDIDATES", "FittedHead", "fit_head"]

CANDIDATES = (10.0, 100.0, 1000.0)
"""Values of C that are tried. On the emoji of benchmarks/learning/emoji.py 1 learns too little."""


@record(frozen=True, slots=True)
class FittedHead:
    """A last layer and how it was found.

    Attributes
    ----------
    layer : Layer
    c : float
        scikit-learn's C: the larger, the less the weights are held back.
    tried : tuple of (float, float)
        Every C that was tried, and its accuracy on the images that were kept back for that.
    minimum : Minimum
    """

    layer: Layer
    c: float
    tried: tuple[tuple[float, float], ...]
    minimum: Minimum


def fit_head(
    problem: LogisticProblem,
    labels: NDArray[np.intp],
    inner: tuple[NDArray[np.intp], NDArray[np.intp]],
    candidates: Sequence[float] = CANDIDATES,
) -> FittedHead:
    """Choose C and fit a layer to all images.

    Of all C whose accuracy is within a standard error of the best one's the smallest is taken
    (Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3): a few images more
    are no reason to hold the weights back less.

    Parameters
    ----------
    problem : LogisticProblem
    labels : ndarray of int, shape (N,)
    inner : two ndarrays of int
        Rows to fit to and rows to measure with, where C is chosen. With none of either the middle
        one of the candidates is taken.
    candidates : sequence of float
        Values of C, ascending.
    """
    fitted, measured = inner
    tried: list[tuple[float, float]] = []
    start = None
    if len(fitted) and len(measured) and len(candidates) > 1:
        for c in candidates:
            fit = problem.fit(fitted, c, start)
            start = fit.x
            guesses = problem.scores(fit, fitted, measured).argmax(axis=1)
            tried.append((c, float((guesses == labels[measured]).mean())))
    c = _smallest_good(tried, len(measured)) if tried else candidates[len(candidates) // 2]
    rows = np.arange(len(labels))
    minimum = problem.fit(rows, c)
    return FittedHead(problem.layer(minimum, rows), c, tuple(tried), minimum)


def _smallest_good(tried: Sequence[tuple[float, float]], n_measured: int) -> float:
    best = max(accuracy for _, accuracy in tried)
    error = sqrt(best * (1 - best) / n_measured)
    return min(c for c, accuracy in tried if accuracy >= best - error)
