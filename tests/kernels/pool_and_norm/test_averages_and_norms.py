"""Adaptive average pooling and local response normalisation against the oracle."""

import numpy as np
import pytest
from support.closeness import UNIT_ROUNDOFF, assert_close_sum, assert_same_bits
from support.samples import normal, small_integers

from alexnet_cy import ops
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 8, 15, 16, 17, 33])
@pytest.mark.parametrize(
    ("size", "output_size"),
    [
        ((6, 6), 6),
        ((13, 9), 6),
        ((13, 17), (1, 1)),
        ((2, 3), (6, 6)),  # more outputs than pixels: they repeat
        ((1, 1), (3, 2)),
        ((7, 5), (5, 7)),
        ((31, 1), (6, 1)),
    ],
)
def test_adaptive_avg_pool(channels, size, output_size):
    x = normal(channels, 3, channels, *size)
    computed = ops.adaptive_avg_pool2d(x, output_size, threads=1)
    exact = definitions.adaptive_avg_pool2d(x, output_size)
    magnitude = definitions.adaptive_avg_pool2d(np.abs(x), output_size)
    assert_close_sum(computed, exact, size[0] * size[1], magnitude)


def test_adaptive_avg_pool_to_the_same_size_copies():
    x = normal(0, 2, 19, 6, 7)
    assert_same_bits(ops.adaptive_avg_pool2d(x, (6, 7)), x)


def test_an_average_of_small_integers_is_rounded_once():
    x = small_integers(0, 2, 19, 6, 7)
    exact = definitions.adaptive_avg_pool2d(x, 1)
    assert_same_bits(ops.adaptive_avg_pool2d(x, 1), (exact + 0.0).astype(np.float32))


def assert_norm(x, size, alpha, beta, k):
    """Compare with the oracle.

    The sum of squares is of `size` positive terms, with factor and k: a relative error of at most
    (size + 4) u, and beta times that after the power, whose own error is a few roundings; beta
    itself, rounded to float32, changes s^-beta by beta u |ln s|.
    """
    computed = ops.local_response_norm(x, size, alpha=alpha, beta=beta, k=k, threads=1)
    exact = definitions.local_response_norm(x, size, alpha=alpha, beta=beta, k=k)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_power = np.nan_to_num(np.abs(np.log(np.abs(exact / x))), posinf=0.0)
    relative = (beta * (size + 4) + 8 + log_power) * UNIT_ROUNDOFF
    assert computed.shape == exact.shape
    assert (np.abs(computed - exact) <= relative * np.abs(exact)).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 40])
@pytest.mark.parametrize("beta", [0.75, 0.5, 1.0, 2.5])
@pytest.mark.parametrize(("alpha", "k"), [(1e-4, 1.0), (5e-4, 2.0), (0.3, 0.5)])
def test_local_response_norm(size, alpha, beta, k):
    for channels in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33):
        assert_norm(30 * normal(channels, 2, channels, 2, 3), size, alpha, beta, k)


def test_a_window_far_wider_than_the_channels():
    x = normal(0, 1, 5, 2, 2)
    wide = ops.local_response_norm(x, 10**15, alpha=1e15)
    np.testing.assert_array_equal(wide, ops.local_response_norm(x, 11, alpha=11.0))


@pytest.mark.parametrize("channels", [4, 8, 16, 48, 96])
def test_whole_vectors_have_the_bits_of_others(channels):
    """Of 5 channels and beta 0.75, AlexNet's, whole vectors go a way of their own."""
    x = 30 * normal(channels, 2, channels + 1, 3, 2)
    x[:, channels] = 0
    settings = {"size": 5, "alpha": 0.3, "beta": 0.75, "k": 2.0}
    whole = ops.local_response_norm(np.ascontiguousarray(x[:, :channels]), **settings)
    assert_same_bits(whole, ops.local_response_norm(x, **settings)[:, :channels])


def test_the_norm_is_odd_and_without_alpha_a_division():
    x = normal(0, 2, 19, 4, 5)
    assert_same_bits(ops.local_response_norm(-x, alpha=1.0), -ops.local_response_norm(x, alpha=1.0))
    np.testing.assert_allclose(
        ops.local_response_norm(x, alpha=0.0, beta=0.75, k=16.0), x / 8, rtol=3e-7
    )


@pytest.mark.parametrize("beta", [0.75, 0.8])
def test_extremes_of_the_norm(beta):
    """Squares overflow from 1.8e19 on; then the sum is inf and its power 0, never a trap."""
    x = np.zeros((1, 7, 1, 3), np.float32)
    x[0, 3] = [1e19, 1e30, 1e-30]
    y = ops.local_response_norm(x, beta=beta)
    exact = definitions.local_response_norm(x, beta=beta)
    np.testing.assert_allclose(y[0, 3, 0], [exact[0, 3, 0, 0], 0.0, 1e-30], rtol=1e-5)
    assert not y[0, [0, 1, 2, 4, 5, 6]].any()
