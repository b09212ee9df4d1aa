"""A case of the self-check: one computation with its exact result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.records import record

__all__ = ["Case", "Compute", "Exact"]

Exact = NDArray[np.floating[Any]]
Compute = Callable[[object, int], Float32Array]


@record(frozen=True, slots=True)
class Case:
    """One computation with its exact result.

    Attributes
    ----------
    operation : str
    kernels : tuple of str
        The functions of a level (src/kernels.h) that compute it.
    name : str
        The difference from the other cases of the operation.
    compute : callable
        ``compute(kernels, threads)`` returns the result of a level's kernels.
    exact : ndarray of float64
        The definition's result.
    bound : ndarray of float64
        The largest error that is allowed, for each value.
    """

    operation: str
    kernels: tuple[str, ...]
    name: str
    compute: Compute
    exact: Exact
    bound: Exact

    def worst(self, kernels: object, threads: int) -> tuple[float, float]:
        """Return error and bound where the error is the largest share of the bound."""
        computed = self.compute(kernels, threads)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.abs(computed - self.exact)
            error[np.isnan(error)] = np.inf
            share = np.where(error == 0, 0, error / self.bound)
        place = np.unravel_index(np.argmax(share), share.shape)
        return float(error[place]), float(self.bound[place])
