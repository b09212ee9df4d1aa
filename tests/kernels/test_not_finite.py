"""NaN and infinities through convolution, normalisation and averages: where the oracle has them."""

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy import ops
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")

VALUES = [np.nan, np.inf, -np.inf]


def assert_same_kinds(computed, exact):
    """NaN where NaN is expected, infinities likewise, and nowhere else."""
    assert computed.shape == exact.shape
    np.testing.assert_array_equal(np.isnan(computed), np.isnan(exact))
    np.testing.assert_array_equal(np.isposinf(computed), np.isposinf(exact))
    np.testing.assert_array_equal(np.isneginf(computed), np.isneginf(exact))


@pytest.mark.parametrize("algorithm", ["direct", "im2col"])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("argument", ["x", "weight", "bias"])
@pytest.mark.parametrize("out_channels", [1, 7, 17, 33])
def test_convolution(argument, value, algorithm, out_channels):
    arguments = {
        "x": normal(0, 2, 4, 6, 5),
        "weight": normal(1, 2 * out_channels, 2, 3, 3),
        "bias": normal(2, 2 * out_channels),
    }
    changed = arguments[argument]
    for place in (0, changed.size // 2, changed.size - 1):
        before = changed.flat[place]
        changed.flat[place] = value
        for relu in (False, True):
            settings = {"groups": 2, "padding": 1, "stride": (1, 2), "relu": relu}
            y = ops.conv2d(**arguments, **settings, algorithm=algorithm, threads=1)
            exact = definitions.conv2d(**arguments, **settings)
            assert_same_kinds(y, exact)
            assert not np.isfinite(exact).all() or (relu and value == -np.inf)
        changed.flat[place] = before


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("size", [1, 4, 5])
@pytest.mark.parametrize("beta", [0.75, 0.6])
def test_local_response_norm(value, size, beta):
    for channels in (1, 5, 8, 17):
        x = normal(0, channels, channels, 2, 3)
        x[range(channels), range(channels), 1, 1] = value  # image c has it in channel c
        y = ops.local_response_norm(x, size, beta=beta, threads=1)
        exact = definitions.local_response_norm(x, size, beta=beta)
        assert_same_kinds(y, exact)
        np.testing.assert_allclose(y, exact, rtol=1e-5, atol=0)
        assert np.isnan(exact).any()


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("size", [1, 3, 9])
@pytest.mark.parametrize("beta", [0.75, 0.6])
def test_local_response_norm_within_channels(value, size, beta):
    for channels in (1, 5, 8, 17):
        x = normal(0, channels, channels, 4, 7)
        x[range(channels), range(channels), 1, 2] = value  # image c has it in channel c
        settings = {"beta": beta, "region": "within_channel"}
        y = ops.local_response_norm(x, size, **settings, threads=1)
        exact = definitions.local_response_norm(x, size, **settings)
        assert_same_kinds(y, exact)
        np.testing.assert_allclose(y, exact, rtol=1e-5, atol=0)
        assert np.isnan(exact).any()


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("channels", [1, 5, 8, 17])
def test_adaptive_avg_pool(value, channels):
    x = normal(0, channels, channels, 5, 7)
    x[range(channels), range(channels), 2, 3] = value
    assert_same_kinds(
        ops.adaptive_avg_pool2d(x, (3, 2)), definitions.adaptive_avg_pool2d(x, (3, 2))
    )
