"""The float32 gradients of the speed baseline are the oracle's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax
from alexnet_cy.oracle import gradients
from alexnet_cy.oracle.baseline import baseline_layer
from alexnet_cy.oracle.baseline_gradients import (
    baseline_data_gradient,
    baseline_update,
    baseline_weight_gradients,
)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


CONVOLUTIONS = [
    Conv("conv", 6, (5, 4), stride=(4, 4), padding=((0, 3), (0, 3))),
    Conv("conv", 6, (3, 3), padding=((1, 1), (1, 1)), groups=2),
    Conv("conv", 6, (3, 3), stride=(2, 3), padding=((1, 0), (0, 2)), groups=2),
]


def close(found, expected):
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_convolutions(layer):
    x, weight = normal(0, 3, 4, 9, 8), normal(1, 6, 4 // layer.groups, *layer.kernel_size)
    dy = normal(2, *baseline_layer(layer, x, weight).shape)
    settings = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}
    dx, dweight, dbias = gradients.conv2d_gradients(x, weight, dy, **settings)
    found = baseline_weight_gradients(layer, x, dy)
    close(found[0], dweight)
    close(found[1], dbias)
    close(baseline_data_gradient(layer, x, dy, weight), dx)


def test_fully_connected():
    layer, x, weight, dy = Linear("fc", 5), normal(0, 3, 2, 2, 3), normal(1, 5, 12), normal(2, 3, 5)
    dx, dweight, dbias = gradients.linear_gradients(x.reshape(3, 12), weight, dy)
    found = baseline_weight_gradients(layer, x, dy)
    close(found[0], dweight)
    close(found[1], dbias)
    close(baseline_data_gradient(layer, x, dy, weight), dx.reshape(x.shape))


@pytest.mark.parametrize(
    ("layer", "gradient"),
    [
        (
            LRN("norm", 5, 0.3, 0.75, 2.0),
            lambda x, dy: gradients.local_response_norm_gradient(
                x, dy, 5, alpha=LRN("norm", 5, 0.3, 0.75, 2.0).ops_alpha, beta=0.75, k=2.0
            ),
        ),
        (
            MaxPool("pool", (3, 3), (2, 2)),
            lambda x, dy: gradients.max_pool2d_gradient(x, dy, (3, 3), stride=(2, 2)),
        ),
        (AdaptiveAvgPool("pool", (2, 3)), gradients.adaptive_avg_pool2d_gradient),
    ],
)
def test_layers_without_weights(layer, gradient):
    x = normal(0, 2, 7, 9, 9)
    dy = normal(1, *baseline_layer(layer, x).shape)
    close(baseline_data_gradient(layer, x, dy), gradient(x, dy))


def test_update():
    weight, velocity, gradient = normal(0, 5), normal(1, 5), normal(2, 5)
    w, v = weight.astype(float), velocity.astype(float)
    v = 0.9 * v + (gradient + 0.01 * w)
    w = w - 0.5 * v
    baseline_update(weight, velocity, gradient, 0.5, 0.9, 0.01)
    close(velocity, v)
    close(weight, w)


@pytest.mark.parametrize("layer", [Linear("fc6", 5), Softmax("prob")])
def test_no_gradient(layer):
    with pytest.raises(ValueError, match=layer.name):
        baseline_data_gradient(layer, normal(0, 2, 3), normal(1, 2, 3))
