"""Softmax and ReLU: accuracy, extremes, and lengths about every tile."""

import numpy as np
import pytest
from support.closeness import UNIT_ROUNDOFF, assert_same_bits
from support.samples import around, normal

from alexnet_cy import ops
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")

SMALLEST = 2.0**-149  # what float32 rounds to beside its smallest numbers


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 9, 15, 16, 17, 1000, 1001])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_softmax(width, scale):
    """The difference d to the maximum is rounded, which exp turns into a relative error of |d| u.

    So does each term of the sum, in proportion to its part of it; exp and the division round too.
    """
    x = scale * normal(width, 5, width)
    computed, exact = ops.softmax(x), definitions.softmax(x)
    below = (x.max(axis=1, keepdims=True) - x).astype(np.float64)
    roundings = below + (exact * below).sum(axis=1, keepdims=True) + 6
    assert computed.dtype == np.float32
    assert (np.abs(computed - exact) <= roundings * UNIT_ROUNDOFF * exact + SMALLEST).all()
    np.testing.assert_allclose(computed.sum(axis=1, dtype=float), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1e4, -1e4, 0.0], [1, 0, 0]),
        ([-1e4, -1e4], [0.5, 0.5]),
        ([3.4e38, -3.4e38], [1, 0]),
        ([2.0, -np.inf, 2.0, -np.inf], [0.5, 0, 0.5, 0]),
        ([1e-45, 0.0], [0.5, 0.5]),
        ([7.0], [1]),
        ([np.inf, 0.0], [np.nan, np.nan]),
        ([-np.inf, -np.inf], [np.nan, np.nan]),
        ([np.nan, 1.0, 2.0], [np.nan, np.nan, np.nan]),
        ([1.0, 2.0, np.nan], [np.nan, np.nan, np.nan]),
    ],
)
def test_softmax_of_extremes(row, expected):
    others = [[0.0] * len(row)]
    y = ops.softmax(np.array([row, *others], np.float32))
    np.testing.assert_array_equal(y[0], np.array(expected, np.float32))
    np.testing.assert_array_equal(y[1], ops.softmax(np.array(others, np.float32))[0])


# 65536 floats are what one thread takes at a time
@pytest.mark.parametrize("length", [0, *around(4, 8, 16, 32), *around(65536), 200_000])
def test_relu(length):
    x = normal(length, length)
    assert_same_bits(ops.relu(x), definitions.relu(x, dtype=np.float32))


@pytest.mark.parametrize("length", range(1, 34))
def test_relu_of_special_values_at_every_place(length):
    values = [np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45, -1e-45]
    x = np.array([np.roll(np.resize(values, length), i) for i in range(len(values))], np.float32)
    for row in x:
        y = ops.relu(row)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(row))
        np.testing.assert_array_equal(y, np.where(np.isnan(row), row, np.maximum(row, 0)))


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 3, 4, 5, 6), (3, 0, 2)])
def test_relu_takes_any_shape(shape):
    x = normal(0, *shape)
    y = ops.relu(x)
    assert y.shape == shape
    np.testing.assert_array_equal(y, np.maximum(x, 0))
