"""The float32 baseline computes what the oracle computes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax
from alexnet_cy.oracle.baseline import baseline_layer, conv2d_im2col, conv2d_loops
from alexnet_cy.oracle.definitions import conv2d
from alexnet_cy.oracle.network import reference_layer

EPS = np.finfo(np.float32).eps


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


CONVOLUTIONS = [
    {"stride": (4, 4), "padding": ((0, 3), (0, 3))},
    {"stride": (1, 1), "padding": ((2, 2), (2, 2)), "groups": 2},
    {"stride": (2, 3), "padding": ((1, 0), (0, 2)), "groups": 2, "relu": True},
]


@pytest.mark.parametrize("convolve", [conv2d_im2col, conv2d_loops])
@pytest.mark.parametrize("settings", CONVOLUTIONS)
@pytest.mark.parametrize("biased", [True, False])
def test_convolutions(convolve, settings, biased):
    x = normal(0, 2, 4, 9, 8)
    weight = normal(1, 6, 4 // settings.get("groups", 1), 5, 4)
    bias = normal(2, 6) if biased else None
    y = convolve(x, weight, bias, **settings)
    expected = conv2d(x, weight, bias, **settings)
    assert y.dtype == np.float32
    # 80 products of numbers below 5 each, added in any order
    assert_allclose(y, expected, rtol=0, atol=80 * EPS * np.abs(x).max() * np.abs(weight).max())


LAYERS = [
    (Conv("conv", 6, (3, 3), (2, 2), ((1, 1), (0, 2)), groups=2), (4, 9, 9)),
    (Conv("conv", 6, (3, 3), relu=False), (4, 9, 9)),
    (LRN("norm"), (7, 3, 4)),
    (LRN("norm", size=4, alpha=0.1, beta=0.6, k=2.0, divide_alpha_by_size=False), (7, 3, 4)),
    (LRN("norm", size=3, alpha=0.1, region="within_channel"), (5, 7, 4)),
    (MaxPool("pool"), (3, 8, 7)),
    (MaxPool("pool", ceil_mode=False), (3, 8, 7)),
    (MaxPool("pool", (3, 2), (2, 1), ((1, 0), (0, 1))), (3, 8, 7)),
    (AdaptiveAvgPool("avgpool"), (3, 13, 4)),
    (Linear("fc", 5), (2, 3, 4)),
    (Linear("fc", 5, relu=False), (24,)),
    (Softmax("prob"), (10,)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: getattr(value, "name", ""))
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_every_kind_of_layer(layer, shape, batch):
    x = 10 * normal(3, batch, *shape)
    x.setflags(write=False)
    parameters = {
        kind: normal(4, *parameter_shape)
        for kind, parameter_shape in layer.parameter_shapes(shape).items()
    }
    y = baseline_layer(layer, x, **parameters)
    expected = reference_layer(layer, x, **parameters)
    assert y.dtype == np.float32
    assert y.shape == (batch, *layer.output_shape(shape))
    assert_allclose(y, expected, rtol=50 * EPS, atol=50 * EPS * np.abs(expected).max(initial=0))


def test_pooling_keeps_nan_and_never_takes_the_padding():
    x = np.full((1, 1, 4, 4), -7, np.float32)
    x[0, 0, 0, 3] = np.nan
    y = baseline_layer(MaxPool("pool", (3, 3), (2, 2), ((1, 1), (1, 1))), x)
    assert_array_equal(y, [[[[-7, np.nan, np.nan], [-7, -7, -7], [-7, -7, -7]]]])


@pytest.mark.parametrize("layer", [Conv("conv1", 4, (3, 3)), Linear("fc6", 4)])
def test_a_weight_that_is_missing(layer):
    with pytest.raises(ValueError, match=f"{layer.name} needs a weight"):
        baseline_layer(layer, np.zeros((1, 2, 5, 5), np.float32))
