"""How near a float32 result must be to the float64 oracle, and when two have the same bits.

A convolution or fully connected output is one chain of additions, s = b + a_1 w_1 + ... + a_k w_k,
in float32, of unit roundoff u = 2^-24. At each step the sum is rounded, and the product too on a
level without fused multiply-add, so that every term goes through at most k + 2 roundings. If the
rounding errors are independent with mean zero, then by Higham and Mary ("A new approach to
probabilistic rounding error analysis", SIAM J. Sci. Comput. 41, 2019, theorem 2.4) with
lambda = 4,

    |computed - exact| <= 4 sqrt(k + 2) u (|b| + |a_1 w_1| + ... + |a_k w_k|)

fails with a probability below 2 exp(-4^2 / 2) = 0.07 % per output; for k <= 14 the bound is
certain, as then k + 2 <= 4 sqrt(k + 2). Inputs of the tests are seeded, so what passes once passes
always. A term that is left out changes the sum by about 1 / k of the bracket, which is more than
the bound for every k below 20,000.
"""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal
from numpy.typing import ArrayLike, NDArray

UNIT_ROUNDOFF = 2.0**-24


def assert_close_sum(
    computed: NDArray[np.float32], exact: NDArray[np.float64], terms: int, magnitude: ArrayLike
) -> None:
    """Compare sums of `terms` products; `magnitude` is the sum of their absolute values."""
    assert computed.dtype == np.float32
    assert computed.shape == exact.shape
    bound = 4 * np.sqrt(terms + 2) * UNIT_ROUNDOFF * np.asarray(magnitude)
    excess = np.abs(computed - exact) - bound
    worst = np.unravel_index(np.argmax(excess), excess.shape) if excess.size else ()
    assert (excess <= 0).all(), (
        f"at {worst}: {computed[worst]} instead of {exact[worst]}, "
        f"{excess[worst] + bound[worst]:.3g} apart, {bound[worst]:.3g} allowed"
    )


def assert_same_bits(computed: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Compare bit by bit: -0 is not 0. NaN is NaN, whatever its sign and payload."""
    assert computed.dtype == expected.dtype == np.float32
    assert computed.shape == expected.shape
    assert_array_equal(_bits(computed), _bits(expected))


def _bits(array: NDArray[np.float32]) -> NDArray[np.uint32]:
    one_nan = np.where(np.isnan(array), np.float32(np.nan), array)
    return np.ascontiguousarray(one_nan).view(np.uint32)
