"""The gradients' definitions against central differences, and what they promise besides."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax, Variant
from alexnet_cy.oracle.backward import loss_and_gradients
from alexnet_cy.oracle.definitions import (
    adaptive_avg_pool2d,
    conv2d,
    linear,
    local_response_norm,
    max_pool2d,
)
from alexnet_cy.oracle.gradients import (
    adaptive_avg_pool2d_gradient,
    conv2d_gradients,
    cross_entropy,
    dropout,
    linear_gradients,
    local_response_norm_gradient,
    max_pool2d_gradient,
    relu_gradient,
)
from alexnet_cy.oracle.network import forward

# h = cbrt(2^-52) balances the rounding error of a central difference, 2^-53 / h, and that of its
# formula, h^2 / 6: both are some 1e-11.
STEP = 2.0 ** (-52 / 3)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def central_difference(function, array, places):
    """Differentiate a number by some entries of an array, which is changed and put right again."""
    found = []
    for place in places:
        kept = array[place]
        array[place] = kept + STEP
        above = function()
        array[place] = kept - STEP
        found.append((above - function()) / (2 * STEP))
        array[place] = kept
    return np.array(found)


def assert_is_gradient(function, array, gradient, *, entries=100, seed=9):
    """Compare a gradient with central differences at some of its entries."""
    assert gradient.shape == array.shape
    rng = np.random.default_rng(seed)
    flat = rng.permutation(array.size)[:entries]
    places = [tuple(int(i) for i in np.unravel_index(i, array.shape)) for i in flat]
    expected = central_difference(function, array, places)
    found = np.array([gradient[place] for place in places])
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8 * np.abs(gradient).max())


@pytest.mark.parametrize(
    ("groups", "stride", "padding"),
    [(1, 1, 0), (2, 1, 2), (1, (2, 1), ((0, 2), (1, 0))), (3, 4, 1)],
)
def test_conv2d(groups, stride, padding):
    x, weight = normal(0, 2, 6, 11, 9), normal(1, 6, 6 // groups, 5, 3)
    bias = normal(2, 6)
    settings = {"stride": stride, "padding": padding, "groups": groups}
    dy = normal(3, *conv2d(x, weight, bias, **settings).shape)

    def loss():
        return float((dy * conv2d(x, weight, bias, **settings)).sum())

    gradients = conv2d_gradients(x, weight, dy, **settings)
    for array, gradient in zip((x, weight, bias), gradients, strict=True):
        assert_is_gradient(loss, array, gradient)


def test_linear():
    x, weight, bias, dy = normal(0, 3, 7), normal(1, 5, 7), normal(2, 5), normal(3, 3, 5)

    def loss():
        return float((dy * linear(x, weight, bias)).sum())

    for array, gradient in zip((x, weight, bias), linear_gradients(x, weight, dy), strict=True):
        assert_is_gradient(loss, array, gradient)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "ceil_mode"),
    [(3, 2, 0, True), (3, 2, 0, False), (2, 3, 0, True), ((3, 2), (2, 1), 1, True)],
)
def test_max_pool2d(kernel, stride, padding, ceil_mode):
    x = normal(0, 2, 3, 8, 7)
    settings = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    dy = normal(1, *max_pool2d(x, kernel, **settings).shape)

    def loss():
        return float((dy * max_pool2d(x, kernel, **settings)).sum())

    assert_is_gradient(loss, x, max_pool2d_gradient(x, dy, kernel, **settings))


def test_the_first_maximum_of_a_window_takes_all_of_its_gradient():
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1:] = x[0, 0, 2, 0] = 5
    dx = max_pool2d_gradient(x, [[[[7.0]]]], 3)
    assert_array_equal(dx, [[[[0, 0, 0], [0, 7, 0], [0, 0, 0]]]])


@pytest.mark.parametrize("size", [1, 4, 5])
def test_local_response_norm(size):
    x, dy = normal(0, 2, 7, 3, 2), normal(1, 2, 7, 3, 2)
    settings = {"alpha": 0.5, "beta": 0.75, "k": 1.5}

    def loss():
        return float((dy * local_response_norm(x, size, **settings)).sum())

    assert_is_gradient(loss, x, local_response_norm_gradient(x, dy, size, **settings))


@pytest.mark.parametrize("height", [6, 13, 4])
def test_adaptive_avg_pool2d(height):
    x, dy = normal(0, 2, 3, height, 9), normal(1, 2, 3, 6, 5)

    def loss():
        return float((dy * adaptive_avg_pool2d(x, (6, 5))).sum())

    assert_is_gradient(loss, x, adaptive_avg_pool2d_gradient(x, dy))


@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(weighted):
    logits, labels = 3 * normal(0, 4, 6), np.array([5, 0, 3, 3])
    weights = np.array([0.1, 0.5, 0.3, 0.2]) if weighted else None

    def loss():
        return cross_entropy(logits, labels, weights)[0]

    assert_is_gradient(loss, logits, cross_entropy(logits, labels, weights)[1])


def test_cross_entropy_of_equal_logits_is_the_logarithm_of_the_classes():
    loss, dz = cross_entropy(np.zeros((2, 10)), [1, 2])
    assert loss == pytest.approx(np.log(10))
    assert_allclose(dz.sum(axis=1), 0, atol=1e-16)


def test_cross_entropy_of_huge_logits_is_finite():
    loss, dz = cross_entropy([[1000.0, -1000.0]], [1])
    assert loss == 2000
    assert_array_equal(dz, [[1, -1]])


def test_relu_passes_nothing_at_zero():
    assert_array_equal(relu_gradient([2.0, 0.0, -0.0], [3.0, 3.0, 3.0]), [3, 0, 0])


def test_dropout_scales_what_it_keeps():
    y = dropout([[1.0, 2.0, 3.0]], np.array([[True, False, True]]), 0.75)
    assert_array_equal(y, [[4, 0, 12]])


def small_variant(*, pool_first):
    """A network with every kind of layer, and a group, a stride and paddings."""
    norm, pool = LRN("norm1", alpha=0.5), MaxPool("pool1")
    return Variant(
        name="small",
        title="",
        layers=(
            Conv("conv1", 4, (3, 3), stride=(2, 2), padding=((0, 1), (0, 1))),
            *((pool, norm) if pool_first else (norm, pool)),
            Conv("conv2", 6, (3, 3), padding=((1, 1), (1, 1)), groups=2),
            AdaptiveAvgPool("avgpool", (2, 2)),
            Linear("fc6", 9),
            Linear("fc8", 5, relu=False),
            Softmax("prob"),
        ),
        input_size=15,
        preset="caffe",
        channel_order="BGR",
        source="",
        parameters=0,
    )


@pytest.fixture(params=[False, True], ids=["norm first", "pool first"])
def small(request):
    variant = small_variant(pool_first=request.param)
    weights = {
        name: normal(i, *shape) / np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 9)
        for i, (name, shape) in enumerate(variant.parameter_shapes().items())
    }
    return variant, weights, normal(50, 3, 3, 15, 15), np.array([1, 4, 0])


@pytest.mark.slow
def test_a_whole_pass(small):
    variant, weights, x, labels = small
    kept = np.random.default_rng(5).random((3, 9)) < 0.5
    dropped = {"fc8": (kept, 0.5)}
    share = np.array([0.5, 0.3, 0.4])

    def loss():
        return loss_and_gradients(
            variant, weights, x, labels, sample_weights=share, dropped=dropped
        )[0]

    _, gradients = loss_and_gradients(
        variant, weights, x, labels, sample_weights=share, dropped=dropped
    )
    assert set(gradients) == {*weights, "input"}
    for name, array in {**weights, "input": x}.items():
        assert_is_gradient(loss, array, gradients[name], entries=20)


def test_the_loss_is_that_of_the_forward_pass(small):
    variant, weights, x, labels = small
    probabilities = forward(variant, weights, x)
    loss, _ = loss_and_gradients(variant, weights, x, labels)
    assert loss == pytest.approx(-np.log(probabilities[np.arange(3), labels]).mean())


def test_a_whole_pass_agrees_with_torch(small):
    torch = pytest.importorskip("torch")
    from support.gradients.torch_network import torch_gradients

    variant, weights, x, labels = small
    loss, gradients = loss_and_gradients(variant, weights, x, labels)
    expected_loss, expected = torch_gradients(torch, variant, weights, x, labels)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    for name, gradient in gradients.items():
        assert_allclose(gradient, expected[name], rtol=1e-9, atol=1e-13)
