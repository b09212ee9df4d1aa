"""Convolution bit by bit: small integers, whose sums are exact, and algorithms that must agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.closeness import assert_same_bits
from support.samples import normal, small_integers

from alexnet_cy import ops
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")

seeds = st.integers(0, 2**32 - 1)


@st.composite
def convolutions(draw):
    """Shapes of all kinds that fit: (x, weight, bias, settings), all of small integers."""
    seed = draw(seeds)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    group_channels, group_filters = draw(st.integers(1, 9)), draw(st.integers(1, 19))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    below_kernel = [st.tuples(*2 * [st.integers(0, length - 1)]) for length in kernel]
    padding = (draw(below_kernel[0]), draw(below_kernel[1]))
    size = [
        draw(st.integers(max(1, length - sum(pads)), 12))
        for length, pads in zip(kernel, padding, strict=True)
    ]
    x = small_integers(seed, draw(st.integers(1, 3)), groups * group_channels, *size)
    weight = small_integers(seed + 1, groups * group_filters, group_channels, *kernel)
    bias = small_integers(seed + 2, groups * group_filters, limit=50)
    stride = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    return x, weight, bias, {"stride": stride, "padding": padding, "groups": groups}


@given(convolutions(), st.booleans(), st.sampled_from(["direct", "im2col"]))
def test_small_integers_of_any_shape(convolution, relu, algorithm):
    x, weight, bias, arguments = convolution
    exact = definitions.conv2d(x, weight, bias, relu=relu, **arguments)
    y = ops.conv2d(x, weight, bias, relu=relu, algorithm=algorithm, threads=1, **arguments)
    assert_same_bits(y, (exact + 0.0).astype(np.float32))


@given(convolutions(), st.booleans(), seeds)
def test_direct_and_im2col_agree_to_the_last_bit(convolution, relu, seed):
    x, weight, bias, arguments = convolution
    arguments |= {"relu": relu, "threads": 1}
    x, weight = normal(seed, *x.shape), normal(seed + 1, *weight.shape)
    direct = ops.conv2d(x, weight, bias, algorithm="direct", **arguments)
    im2col = ops.conv2d(x, weight, bias, algorithm="im2col", **arguments)
    assert_same_bits(direct, im2col)


@pytest.mark.parametrize("algorithm", ["direct", "im2col"])
@pytest.mark.parametrize(
    ("channels", "filters", "kernel", "groups"), [(48, 64, 5, 2), (256, 20, 3, 1), (6, 9, 3, 3)]
)
def test_groups_are_concatenated_parts(channels, filters, kernel, groups, algorithm):
    x = normal(0, 2, channels, 9, 8)
    weight, bias = normal(1, filters, channels // groups, kernel, kernel), normal(2, filters)
    shared = {"padding": kernel // 2, "algorithm": algorithm}
    whole = ops.conv2d(x, weight, bias, groups=groups, **shared)
    parts = [
        ops.conv2d(part, filters_of_part, bias_of_part, **shared)
        for part, filters_of_part, bias_of_part in zip(
            np.split(x, groups, axis=1),
            np.split(weight, groups),
            np.split(bias, groups),
            strict=True,
        )
    ]
    assert_same_bits(whole, np.concatenate(parts, axis=1))


@given(seeds, st.integers(0, 2), st.integers(0, 3), st.integers(1, 20))
def test_a_filter_with_a_single_one_shifts_the_image(seed, row, column, channels):
    x = normal(seed, 1, channels, 6, 5)
    weight = np.zeros((channels, channels, 3, 4), np.float32)
    weight[range(channels), range(channels), row, column] = 1
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 1)))
    y = ops.conv2d(x, weight, padding=((1, 1), (2, 1)), algorithm="direct", threads=1)
    np.testing.assert_array_equal(y, padded[:, :, row : row + 6, column : column + 5])


@pytest.mark.slow
@given(convolutions(), seeds)
def test_convolution_is_linear(convolution, seed):
    x, weight, _, arguments = convolution
    arguments |= {"algorithm": "direct", "threads": 1}
    other = small_integers(seed, *x.shape)
    both = ops.conv2d(x + other, weight, **arguments)
    apart = ops.conv2d(x, weight, **arguments) + ops.conv2d(other, weight, **arguments)
    assert_same_bits(both, apart + np.float32(0))


def test_a_result_of_zero_is_positive():
    weight = np.full((9, 3, 1, 1), -0.0, np.float32)
    bias = np.full(9, -0.0, np.float32)
    y = ops.conv2d(normal(0, 1, 3, 4, 4) ** 2, weight, bias, algorithm="direct")
    assert not np.signbit(y).any()
