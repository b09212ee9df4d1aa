"""Fully connected layers: widths, depths and batches about every tile, and the zeros left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.closeness import assert_close_sum, assert_same_bits
from support.samples import around, normal, small_integers

from alexnet_cy import ops
from alexnet_cy.kernels import _linear
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")

# Outputs are padded to 16, and given to threads by 64 and more: up to 2048, in parts of 512, and to
# few images 4096.
WIDTHS = [1, *around(16, 64, 512), 1025, 2049, 4097]
# One image takes its inputs eight at a time, up to eight images four, and all in blocks of 64.
DEPTHS = [1, *around(4, 8, 64, 128)]
BATCHES = [1, 2, 4, 5, *around(8), 64, 65]


def assert_linear(x, weight, bias, **settings):
    exact = definitions.linear(x, weight, bias)
    magnitude = definitions.linear(np.abs(x), np.abs(weight), np.abs(bias))
    computed = ops.linear(x, weight, bias, **settings)
    assert_close_sum(computed, exact, x.shape[1], magnitude)


@pytest.mark.parametrize("width", WIDTHS)
def test_widths_and_depths(width):
    weight, bias = normal(0, width, max(DEPTHS)), normal(1, width)
    x = normal(2, 9, max(DEPTHS))
    for depth in DEPTHS:
        columns = np.ascontiguousarray(weight[:, :depth])
        for images in (1, 3, 9):
            assert_linear(x[:images, :depth], columns, bias, threads=1)


def test_batches_about_the_register_tile(tile):
    _, rows, panel_width = tile
    weight, bias = normal(0, 2 * panel_width + 1, 70), normal(1, 2 * panel_width + 1)
    for images in {*BATCHES, *around(rows, 2 * rows)}:
        assert_linear(normal(images, images, 70), weight, bias, threads=1)


def by_rows(kernels, x, weight, bias, relu):
    """The layer from rows as files have them, the last ones first and in parts of 13."""
    y = np.full((len(x), len(weight)), np.nan, np.float32)
    finite = [
        _linear.linear_rows(kernels, weight[first : first + 13], bias, x, y, first, relu)
        for first in reversed(range(0, len(weight), 13))
    ]
    return y, finite


@pytest.mark.parametrize("relu", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("width", [1, *around(8, 13, 64)])
def test_rows_that_are_not_packed_give_the_same_bits(kernels, width, relu):
    bias = normal(1, width)
    for depth in [*DEPTHS, 9, 27]:
        weight = normal(0, width, depth)
        for images in (1, 2, 8, 9, 17):
            x = normal(2, images, depth)
            x[:, ::3] = 0
            y, finite = by_rows(kernels, x, weight, bias, relu)
            assert all(finite)
            assert_same_bits(y, ops.linear(x, weight, bias, relu=relu))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (20, 16), (25, 18)])
def test_rows_that_are_not_finite_are_noticed(kernels, place, value):
    weight, bias, x = normal(0, 26, 19), normal(1, 26), normal(2, 2, 19)
    weight[place] = value
    x[0, place[1]] = 0
    y, finite = by_rows(kernels, x, weight, bias, False)
    assert finite == [place[0] < 13, place[0] >= 13]
    np.testing.assert_array_equal(y, ops.linear(x, weight, bias))
    assert np.isnan(y[0, place[0]])


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 70),
    st.integers(1, 140),
    st.integers(1, 90),
    st.booleans(),
)
def test_small_integers_of_any_shape(seed, images, depth, width, relu):
    x, weight = small_integers(seed, images, depth), small_integers(seed + 1, width, depth)
    bias = small_integers(seed + 2, width, limit=50)
    exact = np.einsum("ni,oi->no", x.astype(int), weight.astype(int)) + bias.astype(int)
    expected = (np.maximum(exact, 0) if relu else exact).astype(np.float32)
    assert_same_bits(ops.linear(x, weight, bias, relu=relu, threads=1), expected)


def test_a_1x1_image_under_a_convolution_is_a_linear_layer():
    x, weight, bias = normal(0, 5, 70), normal(1, 33, 70), normal(2, 33)
    y = ops.conv2d(x[:, :, None, None], weight[:, :, None, None], bias)
    assert_same_bits(ops.linear(x, weight, bias), y[:, :, 0, 0])


SPARSE = {
    "nothing but zeros": lambda x: x * 0,
    "a few zeros": lambda x: np.where(np.arange(len(x)) % 5 == 2, 0, x),
    "mostly zeros": lambda x: np.where(np.arange(len(x)) % 7 == 3, x, 0),
    "negative zeros": lambda x: np.where(np.arange(len(x)) % 3, np.float32(-0.0), x),
    "nan": lambda x: np.where(np.arange(len(x)) == 20, np.nan, np.maximum(x, 0)),
    "inf": lambda x: np.where(np.arange(len(x)) == 21, np.inf, np.maximum(x, 0)),
    "inf and -inf": lambda x: np.where(np.arange(len(x)) < 2, [np.inf, -np.inf] * 20, x),
}


@pytest.mark.parametrize("weights", ["finite", "nan", "inf", "-inf", "inf for a zero"])
@pytest.mark.parametrize("inputs", SPARSE)
@pytest.mark.parametrize("bias", [-0.0, 1.5])
def test_leaving_out_zeros_changes_no_bit(inputs, weights, bias):
    """A few images skip the inputs that are zero in all of them, a larger batch skips none."""
    x = SPARSE[inputs](normal(0, 40)).astype(np.float32)
    weight = normal(1, 19, 40)
    weight[3] = -0.0  # with bias -0.0 every partial sum may be -0
    if weights == "inf for a zero":
        weight[5, np.flatnonzero(x == 0)] = np.inf
    elif weights != "finite":
        weight[5, 7] = float(weights)
    offsets = np.full(19, bias, np.float32)
    batch = np.stack([x, 2 * x, -x, *normal(2, 30, 40)])
    for relu in (False, True):
        together = ops.linear(batch, weight, offsets, relu=relu, threads=1)
        for count in (1, 2, 3, 5, 8, 9):
            few = ops.linear(batch[:count], weight, offsets, relu=relu, threads=1)
            assert_same_bits(few, together[:count])
        exact = definitions.linear(batch, weight, offsets, relu=relu)
        np.testing.assert_array_equal(np.isnan(together), np.isnan(exact))
        np.testing.assert_array_equal(np.isinf(together), np.isinf(exact))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("images", [1, 2])
def test_zero_times_infinity_is_nan(images, value):
    weight = np.ones((3, 5), np.float32)
    weight[1, 2] = value
    x = np.ones((images, 5), np.float32)
    x[:, 2] = 0
    y = ops.linear(x, weight)
    assert np.isnan(y[:, 1]).all()
    assert (y[:, [0, 2]] == 4).all()


def test_only_the_rows_of_weights_that_count_are_multiplied():
    """Finite weights beside a zero input do not overflow: they are left out, or times zero."""
    weight = np.full((2, 3), 3e38, np.float32)
    for images in (1, 2):
        x = np.tile(np.array([1, 0, 0], np.float32), (images, 1))
        np.testing.assert_array_equal(ops.linear(x, weight), np.full((images, 2), 3e38, np.float32))
