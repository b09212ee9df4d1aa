"""What is said of many distances together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["mean_and_error"]


def mean_and_error(distances: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean of at least one distance, and its standard error.

    The standard error is s / sqrt(n), with s the standard deviation that n - 1 divides; None for
    one distance.
    """
    values = np.asarray(distances, np.float64)
    if len(values) < 2:
        return float(values.mean()), None
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
