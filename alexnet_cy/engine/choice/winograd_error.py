"""How inexact Winograd's algorithm is expected to be for a convolution: docs/numerics.md."""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np

from alexnet_cy.engine.choice.conv_problem import ConvProblem
from alexnet_cy.engine.winograd import (
    block_taps,
    cut_into_tiles,
    first_point,
    input_matrix,
    kernel_matrix,
    output_matrix,
)

__all__ = ["LARGEST_EXPECTED_ERROR", "expected_error"]

LARGEST_EXPECTED_ERROR = 5e-6
"""Above this, "auto" takes another algorithm. The largest error of all outputs has been three times
the expected one, as a part of the largest output; the contract is 2e-5 of that. The convolutions of
all AlexNets are below 4e-6."""

# The rounding error of a chain of K additions is 0.3 sqrt(K) u of the standard deviation of its
# terms' sum, u the unit roundoff of float32 (docs/numerics.md).
_CHAIN = 0.3 * 2.0**-24


def expected_error(problem: ConvProblem) -> float:
    """Return the rms error over the rms of the outputs, for random inputs and weights.

    0.3 sqrt(K) u sqrt(k_h k_w), where K counts the channels of a group, in blocks of the stride,
    and k is the mean over the outputs along an axis of

        k_p = 1 / r * sum over points i of A^T[p, i]^2 |G_i|^2 |B_i|^2

    Parameters
    ----------
    problem : ConvProblem
        One that Winograd's algorithm can compute.
    """
    taps = block_taps(problem.kernel_size, problem.stride)
    channels = problem.in_channels // problem.groups * problem.stride[0] * problem.stride[1]
    growths = [_growth(n, r) for n, r in zip(problem.output_size, taps, strict=True)]
    return _CHAIN * sqrt(channels * growths[0] * growths[1])


@cache
def _growth(length: int, taps: int) -> float:
    """Return the mean of k_p over the outputs along an axis; 0 if there are none."""
    tiles = cut_into_tiles(length, taps)
    return sum(_sum_of_tile(outputs, taps) for outputs in tiles) / max(length, 1)


@cache
def _sum_of_tile(outputs: int, taps: int) -> float:
    first, points = first_point(outputs, taps), outputs + taps - 1
    g = np.square(kernel_matrix(taps)[first : first + points]).sum(axis=1)
    b = np.square(input_matrix(outputs, taps), dtype=np.float64).sum(axis=1)
    a = np.square(output_matrix(outputs, taps), dtype=np.float64)
    return float((a * g * b).sum() / taps)
