"""Max pooling: exact for all inputs, NaN wherever it stands, padding never."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.closeness import assert_same_bits
from support.samples import normal, small_integers

from alexnet_cy import ops
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")

CHANNELS = range(1, 18)  # all tails of vectors of 4, 8 and 16


def assert_pool(x, kernel, **settings):
    expected = definitions.max_pool2d(x, kernel, dtype=np.float32, **settings)
    assert_same_bits(ops.max_pool2d(x, kernel, threads=1, **settings), expected)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(
    ("size", "kernel", "settings"),
    [
        ((1, 1), 1, {}),
        ((13, 13), 3, {"stride": 2}),
        ((12, 11), 3, {"stride": 2, "ceil_mode": True}),
        ((5, 7), 2, {"stride": (3, 4), "ceil_mode": True}),
        ((6, 7), (2, 3), {"padding": ((1, 0), (0, 2))}),
        ((6, 7), (4, 3), {"padding": ((3, 1), (2, 1)), "stride": 1}),
        ((2, 3), 5, {"padding": 4, "stride": 2, "ceil_mode": True}),
    ],
)
def test_geometry(channels, size, kernel, settings):
    assert_pool(normal(channels, 3, channels, *size), kernel, **settings)


@given(st.data())
def test_any_shape(data):
    kernel = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = tuple(
        data.draw(st.tuples(*2 * [st.integers(0, length - 1)]), "padding") for length in kernel
    )
    size = [
        data.draw(st.integers(max(1, length - sum(pads)), 12), "size")
        for length, pads in zip(kernel, padding, strict=True)
    ]
    x = small_integers(data.draw(st.integers(0, 999)), 2, data.draw(st.integers(1, 20)), *size)
    stride = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)), "stride")
    ceil_mode = data.draw(st.booleans(), "ceil_mode")
    assert_pool(x, kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_at_each_place_of_the_window(channels, value):
    """Image (place, channel) has the value there and nowhere else."""
    x = normal(0, 9 * channels, channels, 3, 3)
    for image, (place, channel) in enumerate(np.ndindex(9, channels)):
        x[image, channel, place // 3, place % 3] = value
    y = ops.max_pool2d(x, 3)
    assert_same_bits(y, definitions.max_pool2d(x, 3, dtype=np.float32))
    found = np.isnan(y) if np.isnan(value) else y == value
    expected = np.tile(np.eye(channels, dtype=bool), (9, 1)) & (value != -np.inf)
    np.testing.assert_array_equal(found[:, :, 0, 0], expected)


@pytest.mark.parametrize("n_nan", [2, 5, 9])
@pytest.mark.parametrize("channels", [1, 5, 16, 17])
def test_several_nan_in_a_window(channels, n_nan):
    x = normal(0, 40, channels, 3, 3)
    rng = np.random.default_rng(n_nan)
    for image in range(40):
        x[image].reshape(channels, 9)[:, rng.choice(9, n_nan, replace=False)] = np.nan
    assert np.isnan(ops.max_pool2d(x, 3)).all()


@pytest.mark.parametrize("lowest", [-np.inf, np.float32(-3.4e38), np.float32(-1e-45)])
@pytest.mark.parametrize("channels", [1, 7, 16])
def test_padding_and_overhang_are_never_the_maximum(channels, lowest):
    x = np.full((1, channels, 4, 5), lowest, np.float32)
    y = ops.max_pool2d(x, 3, stride=2, padding=((2, 1), (1, 2)), ceil_mode=True)
    assert (y == lowest).all()


def test_pooling_commutes_with_relu():
    x = normal(0, 2, 19, 12, 13)
    after = ops.relu(ops.max_pool2d(x, 3, stride=2))
    assert_same_bits(ops.max_pool2d(ops.relu(x), 3, stride=2), after)
