"""Seeded arrays to compute with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def normal(seed: int, *shape: int) -> NDArray[np.float32]:
    """Numbers of the standard normal distribution."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def small_integers(seed: int, *shape: int, limit: int = 4) -> NDArray[np.float32]:
    """Whole numbers from -limit to limit.

    Products of two of them are at most limit^2, so sums of up to 2^24 / limit^2 products are
    exact in float32, in whatever order they are added: results can be compared bit by bit.
    """
    return np.random.default_rng(seed).integers(-limit, limit + 1, shape).astype(np.float32)


def around(*sizes: int) -> list[int]:
    """One below, at and one above each size, without repetition, nothing below 1."""
    return sorted({max(1, size + step) for size in sizes for step in (-1, 0, 1)})
