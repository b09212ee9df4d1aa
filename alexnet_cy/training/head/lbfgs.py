"""Minimising a smooth convex function: limited-memory BFGS, in NumPy and float64.

Nocedal and Wright, "Numerical Optimization", 2nd edition: algorithm 7.4 (two-loop recursion), with
the first Hessian of equation 7.20. A step satisfies the weak Wolfe conditions (equation 3.6), found
by doubling and bisection (Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods",
2013, algorithm 2.6).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.records import record

__all__ = ["Minimum", "minimise"]

Vector: TypeAlias = NDArray[np.float64]
Objective: TypeAlias = Callable[[Vector], tuple[float, Vector]]
"""From a point to the value there and the gradient."""

Dot: TypeAlias = Callable[[Vector, Vector], float]
"""The inner product that the gradient belongs to."""

PAIRS = 10
"""Steps that are remembered; 3 to 20 are usual (Nocedal and Wright, section 7.2)."""

ENOUGH_DECREASE = 1e-4  # c1 and c2 of Nocedal and Wright, section 3.1
ENOUGH_CURVATURE = 0.9
MAX_TRIALS = 40


@record(frozen=True, slots=True)
class Minimum:
    """Where a minimisation has ended.

    Attributes
    ----------
    x : ndarray of float64
    value : float
        The function there.
    values : tuple of float
        The function before the first step and after each.
    converged : bool
        Whether the gradient is as small as was asked for.
    """

    x: Vector
    value: float
    values: tuple[float, ...]
    converged: bool


def plain_dot(a: Vector, b: Vector) -> float:
    """Return the sum of a[i] * b[i]."""
    return float(a @ b)


def minimise(
    objective: Objective,
    start: Vector,
    *,
    dot: Dot = plain_dot,
    tolerance: float = 1e-4,
    max_steps: int = 500,
) -> Minimum:
    """Find the minimum of a smooth convex function.

    Parameters
    ----------
    objective : callable
        Returns the value and the gradient at a point.
    start : ndarray of float64, shape (n,)
    dot : callable
        The inner product of two vectors, where they do not stand for themselves: it may be that of
        what they are coordinates of.
    tolerance : float
        Ends when the gradient is not longer.
    max_steps : int

    Returns
    -------
    Minimum
    """
    x = start.astype(np.float64)
    value, gradient = objective(x)
    values = [value]
    pairs: deque[tuple[Vector, Vector, float]] = deque(maxlen=PAIRS)
    length = sqrt(dot(gradient, gradient))
    for _ in range(max_steps):
        if length <= tolerance:
            break
        direction = -_times_inverse_hessian(gradient, pairs, dot)
        first = 1.0 if pairs else 1.0 / length
        found = _line_search(objective, x, value, gradient, direction, first, dot)
        if found is None:  # rounding leaves nothing to gain
            break
        new_x, value, new_gradient = found
        moved, change = new_x - x, new_gradient - gradient
        curvature = dot(moved, change)
        if curvature > 0:
            pairs.append((moved, change, 1 / curvature))
        x, gradient = new_x, new_gradient
        length = sqrt(dot(gradient, gradient))
        values.append(value)
    return Minimum(x, value, tuple(values), length <= tolerance)


def _times_inverse_hessian(
    gradient: Vector, pairs: deque[tuple[Vector, Vector, float]], dot: Dot
) -> Vector:
    """Multiply by the inverse Hessian that the last steps let expect."""
    q: Vector = gradient.copy()
    alphas = []
    for moved, change, inverse in reversed(pairs):
        alpha = inverse * dot(moved, q)
        alphas.append(alpha)
        q -= alpha * change
    if pairs:
        moved, change, inverse = pairs[-1]
        q *= 1 / (inverse * dot(change, change))
    for (moved, change, inverse), alpha in zip(pairs, reversed(alphas), strict=True):
        q += (alpha - inverse * dot(change, q)) * moved
    return q


def _line_search(
    objective: Objective,
    x: Vector,
    value: float,
    gradient: Vector,
    direction: Vector,
    step: float,
    dot: Dot,
) -> tuple[Vector, float, Vector] | None:
    """Find a step with enough decrease and enough curvature; None if there is none."""
    slope = dot(gradient, direction)
    if slope >= 0:
        return None
    low, high = 0.0, np.inf
    best = None
    for _ in range(MAX_TRIALS):
        there = x + step * direction
        new_value, new_gradient = objective(there)
        if not new_value <= value + ENOUGH_DECREASE * step * slope:
            high = step
        else:
            best = there, new_value, new_gradient
            if dot(new_gradient, direction) >= ENOUGH_CURVATURE * slope:
                return best
            low = step
        step = 2 * low if high == np.inf else (low + high) / 2
    return best
