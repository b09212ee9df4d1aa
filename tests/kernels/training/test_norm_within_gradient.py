"""The way back through local response normalisation within channels."""

import numpy as np
import pytest
from support.closeness import UNIT_ROUNDOFF, assert_same_bits
from support.gradients.calls import nchw, nhwc
from support.samples import normal, small_integers

from alexnet_cy.kernels.training import _lrn_gradients
from alexnet_cy.oracle import gradients

CHANNELS = [1, 3, 4, 7, 8, 9, 15, 16, 17, 32, 33]
SIZES = [(1, 1), (2, 3), (1, 9), (8, 1), (9, 5)]


def norm_gradient(x, dy, norm, kernels, relu=False, threads=1):
    dx = np.full((len(x), *x.shape[2:], x.shape[1] + 1), np.nan, np.float32)
    inside = dx[..., : x.shape[1]]
    _lrn_gradients.NormWithinGradient(kernels, nhwc(x, 1), nhwc(dy, 2), inside, *norm, relu).run(
        threads
    )
    assert np.isnan(dx[..., x.shape[1] :]).all()
    return nchw(inside)


@pytest.mark.parametrize("size", [1, 3, 5, 9, 41])
@pytest.mark.parametrize("beta", [0.75, 0.5, 2.5])
@pytest.mark.parametrize(("alpha", "k"), [(1e-4, 1.0), (1.0, 1.0), (0.3, 0.5)])
def test_norm(kernels, size, beta, alpha, k):
    """A relative error of a few roundings of each of the terms that are subtracted."""
    for number, channels in enumerate(CHANNELS):
        image = SIZES[number % len(SIZES)]
        x, dy = 3 * normal(channels, 2, channels, *image), normal(1, 2, channels, *image)
        computed = norm_gradient(x, dy, (size, alpha, beta, k), kernels, threads=2)
        settings = {"alpha": alpha, "beta": beta, "k": k, "region": "within_channel"}
        exact = gradients.local_response_norm_gradient(x, dy, size, **settings)
        # With |x| and |dy| the gradient is first - second, and second is what is taken off dy k^-b
        # at most: both, added, are more than any of the terms.
        signs = gradients.local_response_norm_gradient(np.abs(x), np.abs(dy), size, **settings)
        first = np.abs(dy) * np.float64(k) ** -beta
        magnitude = first + np.abs(first - signs)
        rounding = (60 + 4 * 2 * min(size, max(image))) * UNIT_ROUNDOFF
        assert (np.abs(computed - exact) <= rounding * magnitude).all()


@pytest.mark.parametrize("images", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 3, 5, 41])
def test_any_threads_give_the_same_bits(kernels, images, size):
    """Threads that share an image compute the terms where their rows meet twice."""
    x, dy = 3 * normal(0, images, 17, 11, 4), normal(1, images, 17, 11, 4)
    norm = (size, 0.7, 0.75, 1.0)
    whole = norm_gradient(x, dy, norm, kernels)
    for threads in (2, 3, 7, 16):
        assert_same_bits(norm_gradient(x, dy, norm, kernels, threads=threads), whole)
    alone = norm_gradient(x[-1:], dy[-1:], norm, kernels, threads=3)
    assert_same_bits(alone, whole[-1:])


@pytest.mark.parametrize("channels", CHANNELS)
def test_behind_a_relu(kernels, channels):
    x, dy = small_integers(0, 2, channels, 3, 4), normal(1, 2, channels, 3, 4)
    norm = (3, 0.7, 0.75, 1.0)
    whole = norm_gradient(x, dy, norm, kernels)
    assert_same_bits(norm_gradient(x, dy, norm, kernels, relu=True), np.where(x > 0, whole, 0))


def test_without_alpha_it_is_a_division(kernels):
    x, dy = normal(0, 2, 5, 3, 4), normal(1, 2, 5, 3, 4)
    computed = norm_gradient(x, dy, (3, 0.0, 0.75, 16.0), kernels)
    np.testing.assert_allclose(computed, dy / 8, rtol=3e-7)


def test_no_images(kernels):
    empty = np.zeros((0, 3, 4, 5), np.float32)
    _lrn_gradients.NormWithinGradient(kernels, empty, empty, empty, 3, 1, 1, 1, False).run(2)
