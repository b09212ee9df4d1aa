"""The kernel of local response normalisation within channels against the oracle."""

import numpy as np
import pytest
from support.closeness import UNIT_ROUNDOFF, assert_same_bits
from support.gradients.calls import nchw
from support.samples import normal, small_integers

from alexnet_cy import ops
from alexnet_cy.kernels import _lrn
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")

CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33]
SIZES = [(1, 1), (1, 7), (6, 1), (2, 3), (9, 5)]


def norm(x, size, **settings):
    return ops.local_response_norm(x, size, region="within_channel", threads=1, **settings)


def exact_norm(x, size, **settings):
    return definitions.local_response_norm(x, size, region="within_channel", **settings)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 31])
@pytest.mark.parametrize("beta", [0.75, 0.5, 2.5])
@pytest.mark.parametrize(("alpha", "k"), [(1e-4, 1.0), (1.0, 1.0), (0.3, 0.5)])
def test_awkward_sizes(size, beta, alpha, k):
    """A window of n rows and m columns adds n + m terms one after the other.

    The bound is that of the norm across channels, with so many terms.
    """
    for channels, image in [(c, SIZES[c % 5]) for c in CHANNELS] + [(5, s) for s in SIZES]:
        x = 30 * normal(channels, 2, channels, *image)
        computed = norm(x, size, alpha=alpha, beta=beta, k=k)
        exact = exact_norm(x, size, alpha=alpha, beta=beta, k=k)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_power = np.nan_to_num(np.abs(np.log(np.abs(exact / x))), posinf=0.0)
        terms = min(size, image[0]) + min(size, image[1])
        relative = (beta * (terms + 4) + 8 + log_power) * UNIT_ROUNDOFF
        assert computed.shape == exact.shape
        assert (np.abs(computed - exact) <= relative * np.abs(exact)).all()


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", [1, 3, 5])
def test_small_integers(channels, size):
    """Their sums are exact: only the power and the product are rounded, six times at most."""
    x = small_integers(channels, 2, channels, 6, 5)
    settings = {"alpha": float(size**2), "beta": 0.75, "k": 1.0}
    exact = exact_norm(x, size, **settings)
    computed = norm(x, size, **settings)
    assert (np.abs(computed - exact) <= 6 * UNIT_ROUNDOFF * np.abs(exact)).all()
    assert (computed[x == 0] == 0).all()


def test_channels_do_not_see_one_another():
    x = normal(0, 1, 21, 6, 5)
    whole = norm(x, 3, alpha=1.0)
    for channel in range(21):
        alone = slice(channel, channel + 1)
        assert_same_bits(whole[:, alone], norm(x[:, alone], 3, alpha=1.0))


def test_a_window_far_wider_than_the_image():
    x = normal(0, 1, 5, 4, 3)
    wide = norm(x, 10**9 + 1, alpha=float(10**9 + 1) ** 2)
    np.testing.assert_array_equal(wide, norm(x, 9, alpha=81.0))


def test_without_alpha_it_is_a_division():
    x = normal(0, 2, 19, 4, 5)
    np.testing.assert_allclose(norm(x, 5, alpha=0.0, k=16.0), x / 8, rtol=3e-7)


@pytest.mark.parametrize("beta", [0.75, 0.8])
def test_extremes(beta):
    x = np.zeros((1, 3, 3, 5), np.float32)
    x[0, :, 1, 2] = [1e19, 1e30, 1e-30]
    y = norm(x, 3, alpha=9e-4, beta=beta)
    exact = exact_norm(x, 3, alpha=9e-4, beta=beta)
    np.testing.assert_allclose(y[0, :, 1, 2], [exact[0, 0, 1, 2], 0.0, 1e-30], rtol=1e-5)
    y[0, :, 1, 2] = 0
    assert not y.any()


@pytest.mark.parametrize("channels", [1, 8, 17])
def test_nothing_beside_the_channels_is_written(kernels, channels):
    """Images with gaps between their pixels, and with rows that are not read."""
    x = normal(0, 2, 8, 7, channels + 3)
    y = np.full(x.shape, np.nan, np.float32)
    inside = (slice(None), slice(1, 6), slice(2, 6), slice(1, 1 + channels))
    _lrn.LocalResponseNorm(kernels, x[inside], y[inside], 3, 1.0, 0.75, 1.0, True).run(3)
    assert_same_bits(nchw(y[inside]), norm(nchw(x[inside]), 3, alpha=1.0))
    y[inside] = np.nan
    assert np.isnan(y).all()
