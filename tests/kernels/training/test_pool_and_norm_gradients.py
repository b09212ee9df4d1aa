"""The ways back through pooling, normalisation and ReLU."""

import numpy as np
import pytest
from support.closeness import UNIT_ROUNDOFF, assert_same_bits
from support.gradients.calls import nchw, nhwc
from support.samples import normal, small_integers

from alexnet_cy.kernels import _lrn, _pool
from alexnet_cy.kernels.training import _lrn_gradients, _pool_gradients
from alexnet_cy.network.windows import as_padding, as_pair, window_count
from alexnet_cy.oracle import gradients

CHANNELS = [1, 3, 4, 7, 8, 9, 15, 16, 17, 32, 33]
POOLS = [
    ((1, 1), 1, {"stride": 1}),
    ((13, 13), 3, {"stride": 2}),
    ((12, 11), 3, {"stride": 2, "ceil_mode": True}),
    ((5, 7), 2, {"stride": (3, 4), "ceil_mode": True}),
    ((6, 7), (2, 3), {"stride": 1, "padding": ((1, 0), (0, 2))}),
    ((6, 7), (4, 3), {"padding": ((3, 1), (2, 1)), "stride": 1}),
    ((2, 3), 5, {"padding": 4, "stride": 2, "ceil_mode": True}),
]
NORM = (5, 0.3, 0.75, 2.0)


def geometry(size, kernel, stride=1, padding=0, ceil_mode=False):
    """(kernel, stride, (top, left)) and the size of the output."""
    kernel, strides = as_pair(kernel, "kernel", minimum=1), as_pair(stride, "stride", minimum=1)
    pads = as_padding(padding, kernel)
    outputs = tuple(
        window_count(n, r, s, p, ceil_mode=ceil_mode)
        for n, r, s, p in zip(size, kernel, strides, pads, strict=True)
    )
    return (kernel, strides, (pads[0][0], pads[1][0])), outputs


def winners_of(x, window, outputs, kernels, threads=1):
    images = nhwc(x, 1)
    y = np.full((len(x), *outputs, x.shape[1]), np.nan, np.float32)
    winners = np.full(y.shape, 255, np.uint8)
    _pool_gradients.MaxPoolWinners(kernels, images, y, winners, *window).run(threads)
    expected = np.empty_like(y)
    _pool.MaxPool2d(kernels, images, expected, *window).run(1)
    assert_same_bits(y, expected)
    return winners


def pool_gradient(x, dy, window, kernels, mask=None, threads=1):
    winners = winners_of(x, window, dy.shape[2:], kernels, threads)
    dx = np.full((len(x), *x.shape[2:], x.shape[1] + 2), np.nan, np.float32)
    inside = dx[..., : x.shape[1]]
    _pool_gradients.MaxPoolGradient(
        kernels, nhwc(dy, 1), winners, inside, *window, None if mask is None else nhwc(mask, 1)
    ).run(threads)
    assert np.isnan(dx[..., x.shape[1] :]).all()
    return nchw(inside)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("size", "kernel", "settings"), POOLS)
def test_max_pool(kernels, channels, size, kernel, settings):
    """Ties are frequent among small integers: the first maximum takes all."""
    x = small_integers(channels, 3, channels, *size)
    window, outputs = geometry(size, kernel, **settings)
    dy = small_integers(1, 3, channels, *outputs)
    exact = gradients.max_pool2d_gradient(x, dy, kernel, **settings)
    np.testing.assert_array_equal(pool_gradient(x, dy, window, kernels), exact)
    masked = pool_gradient(x, dy, window, kernels, mask=x, threads=3)
    np.testing.assert_array_equal(masked, np.where(x > 0, exact, 0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_at_each_place_of_the_window(kernels, value):
    x = normal(0, 9 * 17, 17, 3, 3)
    for image, (place, channel) in enumerate(np.ndindex(9, 17)):
        x[image, channel, place // 3, place % 3] = value
    winners = winners_of(x, ((3, 3), (1, 1), (0, 0)), (1, 1), kernels)[:, 0, 0]
    flat = x.reshape(len(x), 17, 9)
    is_nan = np.isnan(flat)
    expected = np.where(is_nan.any(axis=2), is_nan.argmax(axis=2), flat.argmax(axis=2))
    np.testing.assert_array_equal(winners, expected)


def test_all_minus_infinity_and_several_nan(kernels):
    x = np.full((2, 5, 3, 3), -np.inf, np.float32)
    x[1, :, 1:, 1:] = np.nan
    winners = winners_of(x, ((3, 3), (1, 1), (0, 0)), (1, 1), kernels)
    assert (winners[0] == 0).all()
    assert (winners[1] == 4).all()


@pytest.mark.parametrize("channels", [1, 5, 16, 17])
@pytest.mark.parametrize(
    ("size", "outputs"),
    [((6, 6), (6, 6)), ((13, 13), (6, 6)), ((4, 5), (6, 6)), ((1, 1), (5, 7)), ((31, 1), (6, 1))],
)
def test_adaptive_avg_pool(kernels, channels, size, outputs):
    dy = normal(0, 2, channels, *outputs)
    dx = np.full((2, *size, channels), np.nan, np.float32)
    _pool_gradients.AdaptiveAvgPoolGradient(kernels, nhwc(dy, 1), dx).run(3)
    exact = gradients.adaptive_avg_pool2d_gradient(np.zeros((2, channels, *size)), dy)
    magnitude = gradients.adaptive_avg_pool2d_gradient(np.zeros((2, channels, *size)), np.abs(dy))
    assert (np.abs(nchw(dx) - exact) <= 50 * UNIT_ROUNDOFF * magnitude).all()


@pytest.mark.parametrize("channels", CHANNELS)
def test_relu(kernels, channels):
    y, dy = small_integers(0, 2, channels, 3, 4), small_integers(1, 2, channels, 3, 4)
    y[0, 0, 0, :3] = [np.nan, np.inf, -0.0]
    dx = np.full((2, 3, 4, channels), np.nan, np.float32)
    _pool_gradients.ReluGradient(kernels, nhwc(y, 1), nhwc(dy, 1), dx, 2.0).run(2)
    np.testing.assert_array_equal(nchw(dx), 2 * gradients.relu_gradient(y, dy))
    in_place = np.ascontiguousarray(nhwc(dy))
    _pool_gradients.ReluGradient(kernels, nhwc(y), in_place, in_place, 2.0).run(1)
    assert_same_bits(in_place, dx)


def norm_gradient(x, dy, norm, kernels, relu=False, threads=1):
    dx = np.full((len(x), *x.shape[2:], x.shape[1] + 1), np.nan, np.float32)
    inside = dx[..., : x.shape[1]]
    _lrn_gradients.NormGradient(kernels, nhwc(x, 1), nhwc(dy, 2), inside, *norm, relu).run(threads)
    return nchw(inside)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 40])
@pytest.mark.parametrize("beta", [0.75, 0.5, 2.5])
@pytest.mark.parametrize(("alpha", "k"), [(1e-4, 1.0), (5e-4, 2.0), (0.3, 0.5)])
def test_norm(kernels, size, beta, alpha, k):
    """A relative error of a few roundings of each of the terms that are subtracted."""
    for channels in CHANNELS:
        x, dy = 3 * normal(channels, 2, channels, 2, 3), normal(1, 2, channels, 2, 3)
        computed = norm_gradient(x, dy, (size, alpha, beta, k), kernels, threads=2)
        settings = {"alpha": alpha, "beta": beta, "k": k}
        exact = gradients.local_response_norm_gradient(x, dy, size, **settings)
        # the magnitude of all terms: dy > 0 with x of one sign subtracts, of the other adds
        signs = gradients.local_response_norm_gradient(np.abs(x), np.abs(dy), size, **settings)
        first = gradients.local_response_norm_gradient(np.abs(x), np.abs(dy), 1, **settings)
        magnitude = np.abs(dy) * np.float64(k) ** -beta + np.abs(first - signs) + np.abs(signs)
        assert (np.abs(computed - exact) <= (60 + 4 * size) * UNIT_ROUNDOFF * magnitude).all()


def test_norm_behind_a_relu_and_in_place(kernels):
    x, dy = small_integers(0, 2, 33, 3, 4), normal(1, 2, 33, 3, 4)
    whole = norm_gradient(x, dy, NORM, kernels)
    assert_same_bits(norm_gradient(x, dy, NORM, kernels, relu=True), np.where(x > 0, whole, 0))
    in_place = np.ascontiguousarray(nhwc(dy))
    _lrn_gradients.NormGradient(kernels, nhwc(x), in_place, in_place, *NORM, False).run(1)
    assert_same_bits(nchw(in_place), whole)


@pytest.mark.parametrize("channels", [4, 8, 16, 48, 96])
def test_whole_vectors_have_the_bits_of_others(kernels, channels):
    """Of 5 channels and beta 0.75, AlexNet's, whole vectors may go a way of their own."""
    x, dy = 3 * normal(0, 2, channels + 1, 3, 2), normal(1, 2, channels + 1, 3, 2)
    x[:, channels] = 0
    dy[:, channels] = 0
    whole = norm_gradient(
        np.ascontiguousarray(x[:, :channels]), np.ascontiguousarray(dy[:, :channels]), NORM, kernels
    )
    assert_same_bits(whole, norm_gradient(x, dy, NORM, kernels)[:, :channels])


@pytest.mark.parametrize("channels", [3, 16, 33])
@pytest.mark.parametrize(("size", "kernel", "settings"), POOLS)
def test_both_in_one_pass(kernels, channels, size, kernel, settings):
    x = normal(0, 3, channels, *size)
    window, outputs = geometry(size, kernel, **settings)
    dy = normal(1, 3, channels, *outputs)
    images = nhwc(x, 1)
    y, expected = (np.empty((3, *outputs, channels), np.float32) for _ in range(2))
    winners = np.empty(y.shape, np.uint8)
    for threads in (1, 2, 3, 7):
        _lrn_gradients.NormAndPoolWinners(kernels, images, y, winners, NORM, *window).run(threads)
        _lrn.NormAndPool(kernels, images, expected, NORM, *window).run(1)
        assert_same_bits(y, expected)
        normed = np.empty((3, *size, channels), np.float32)
        _lrn.LocalResponseNorm(kernels, images, normed, *NORM).run(1)
        between = np.empty_like(normed)
        _pool_gradients.MaxPoolGradient(
            kernels,
            nhwc(dy),
            winners_of(nchw(normed), window, outputs, kernels),
            between,
            *window,
            None,
        ).run(1)
        apart = norm_gradient(x, nchw(between), NORM, kernels, relu=True)
        dx = np.full(normed.shape, np.nan, np.float32)
        _lrn_gradients.NormAndPoolGradient(
            kernels, images, nhwc(dy, 1), winners, dx, NORM, *window, True
        ).run(threads)
        assert_same_bits(nchw(dx), apart)
