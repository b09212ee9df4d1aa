"""Random numbers that are a function of what they are for, without a state.

Philox 4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) as NumPy has
it: the bits for a key and a counter are the same in any order, on any thread, after any restart.
NumPy keeps the raw stream of a bit generator for ever, but not what its distributions make of it
(NEP 19), so the distributions are made here.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stream", "normals", "permutation", "raw", "uniforms"]


class Stream(IntEnum):
    """What numbers are drawn for; a part of the key, so that no use shares numbers with another."""

    SHUFFLE = 0
    CROP = 1
    FLIP = 2
    COLOUR = 3
    SPLIT = 7
    WEIGHTS = 8


def raw(seed: int, stream: Stream, count: int, *counter: int) -> NDArray[np.uint64]:
    """Draw 64-bit numbers.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    stream : Stream
    count : int
        How many.
    *counter : int
        Up to three numbers: which of the draws this is (an epoch, an image).

    Returns
    -------
    ndarray of uint64, shape (count,)
    """
    words = [0, *counter, 0, 0, 0][:4]
    bits = np.random.Philox(key=np.array([seed, stream], np.uint64), counter=words)
    drawn: NDArray[np.uint64] = bits.random_raw(count)
    return drawn


def uniforms(seed: int, stream: Stream, count: int, *counter: int) -> NDArray[np.float64]:
    """Draw numbers from [0, 1): the upper 53 bits of `raw`, over 2**53."""
    drawn: NDArray[np.float64] = (raw(seed, stream, count, *counter) >> np.uint64(11)) * 2.0**-53
    return drawn


def normals(seed: int, stream: Stream, count: int, *counter: int) -> NDArray[np.float64]:
    """Draw from the standard normal distribution: sqrt(-2 ln(1 - u)) cos(2 pi v) (Box, Muller)."""
    u, v = uniforms(seed, stream, 2 * count, *counter).reshape(2, count)
    drawn: NDArray[np.float64] = np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)
    return drawn


def permutation(seed: int, stream: Stream, count: int, *counter: int) -> NDArray[np.intp]:
    """Draw an order of 0 ... count - 1: that of as many random numbers."""
    return np.argsort(raw(seed, stream, count, *counter), kind="stable")
