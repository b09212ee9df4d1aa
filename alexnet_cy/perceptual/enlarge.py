"""Bilinear enlargement of a map of distances to the size of its image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array

__all__ = ["add_enlarged"]

# Rows that are computed at a time: what is in between has the size of these.
ROWS_AT_A_TIME = 128


class _Places(NamedTuple):
    """Where the outputs of an axis lie: between which inputs, and how far from the first."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: Float32Array


def add_enlarged(small: Float32Array, total: Float32Array) -> None:
    """Add a map to another one, enlarged to its size.

    ``total[i] += (1 - t) small[j] + t small[j + 1]`` along both axes, where ``j + t`` is
    ``(i + 1/2) m / n - 1/2``, at least 0, for m inputs and n outputs; beyond the last input there
    is the last. It is PyTorch's "bilinear" with ``align_corners=False``.

    Parameters
    ----------
    small : ndarray of float32, shape (h, w)
    total : ndarray of float32, shape (H, W)
        Changed.
    """
    down, across = _places(small.shape[0], len(total)), _places(small.shape[1], total.shape[1])
    for begin in range(0, len(total), ROWS_AT_A_TIME):
        part = slice(begin, begin + ROWS_AT_A_TIME)
        share = down.share[part, None]
        rows = (1 - share) * small[down.first[part]] + share * small[down.second[part]]
        columns = (1 - across.share) * rows[:, across.first]
        columns += across.share * rows[:, across.second]
        total[part] += columns


def _places(n_inputs: int, n_outputs: int) -> _Places:
    place = np.maximum((np.arange(n_outputs) + 0.5) * (n_inputs / n_outputs) - 0.5, 0)
    first = place.astype(np.intp)
    return _Places(first, np.minimum(first + 1, n_inputs - 1), (place - first).astype(np.float32))
