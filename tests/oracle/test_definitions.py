"""The oracle against values computed by hand, the properties of its definitions, and torch."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from alexnet_cy.oracle.definitions import (
    adaptive_avg_pool2d,
    conv2d,
    linear,
    local_response_norm,
    max_pool2d,
    relu,
    softmax,
)

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def test_conv2d_by_hand():
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    weight = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    # 1*0 + 2*1 + 3*3 + 4*4 = 27, and so on: a correlation, the kernel is not flipped
    assert_array_equal(conv2d(x, weight), [[[[27, 37], [57, 67]]]])
    assert_array_equal(conv2d(x, weight, [-40.0], relu=True), [[[[0, 0], [17, 27]]]])
    padded = conv2d(x, weight, stride=2, padding=((1, 0), (1, 0)))
    assert_array_equal(padded, [[[[0, 11], [30, 67]]]])


@settings(deadline=None)
@given(seeds, st.integers(0, 2), st.integers(0, 2))
def test_a_filter_with_a_single_one_shifts_the_image(seed, row, column):
    x = normal(seed, 2, 1, 5, 6)
    weight = np.zeros((1, 1, 3, 3))
    weight[0, 0, row, column] = 1
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifted = padded[:, :, row : row + 5, column : column + 6]
    assert_array_equal(conv2d(x, weight, padding=1), shifted)


@settings(deadline=None)
@given(seeds, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_groups_are_convolutions_side_by_side(seed, groups, group_channels, group_filters):
    x = normal(seed, 2, groups * group_channels, 5, 4)
    weight = normal(seed + 1, groups * group_filters, group_channels, 3, 2)
    bias = normal(seed + 2, groups * group_filters)
    settings = {"stride": (2, 1), "padding": ((1, 2), (0, 1))}
    parts = [
        conv2d(
            x[:, g * group_channels : (g + 1) * group_channels],
            weight[g * group_filters : (g + 1) * group_filters],
            bias[g * group_filters : (g + 1) * group_filters],
            **settings,
        )
        for g in range(groups)
    ]
    whole = conv2d(x, weight, bias, groups=groups, **settings)
    assert_allclose(whole, np.concatenate(parts, axis=1), rtol=1e-13, atol=1e-13)


@settings(deadline=None)
@given(seeds)
def test_a_1x1_convolution_is_a_linear_layer_at_every_pixel(seed):
    x, weight, bias = normal(seed, 2, 4, 3, 5), normal(seed + 1, 6, 4), normal(seed + 2, 6)
    pixels = x.transpose(0, 2, 3, 1).reshape(-1, 4)
    expected = linear(pixels, weight, bias).reshape(2, 3, 5, 6).transpose(0, 3, 1, 2)
    assert_allclose(conv2d(x, weight[:, :, None, None], bias), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("channels", "filters", "kernel", "stride", "padding", "groups"),
    [
        (3, 8, (11, 11), (4, 4), ((0, 3), (0, 3)), 1),
        (4, 6, (5, 5), (1, 1), ((2, 2), (2, 2)), 2),
        (6, 9, (3, 3), (1, 1), ((1, 1), (1, 1)), 3),
        (2, 3, (2, 4), (3, 1), ((1, 0), (2, 3)), 1),
        (1, 1, (1, 1), (5, 2), ((0, 0), (0, 0)), 1),
    ],
)
def test_conv2d_is_that_of_torch(torch, channels, filters, kernel, stride, padding, groups):
    x = normal(0, 2, channels, 23, 20)
    weight = normal(1, filters, channels // groups, *kernel)
    bias = normal(2, filters)
    (top, bottom), (left, right) = padding
    padded = torch.nn.functional.pad(torch.from_numpy(x), (left, right, top, bottom))
    expected = torch.nn.functional.conv2d(
        padded, torch.from_numpy(weight), torch.from_numpy(bias), stride=stride, groups=groups
    )
    y = conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)
    assert_allclose(y, expected.numpy(), rtol=1e-12, atol=1e-12)


def test_max_pool2d_by_hand():
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    assert_array_equal(max_pool2d(x, 2), [[[[5, 7], [13, 15]]]])
    assert_array_equal(max_pool2d(x, 3, stride=2), [[[[10]]]])
    assert_array_equal(max_pool2d(x, 3, stride=2, ceil_mode=True), [[[[10, 11], [14, 15]]]])
    assert_array_equal(max_pool2d(x, (1, 4), stride=(2, 1)), [[[[3], [11]]]])


def test_padding_is_never_the_maximum():
    x = np.full((1, 1, 3, 3), -7.0)
    assert_array_equal(max_pool2d(x, 3, stride=2, padding=1), np.full((1, 1, 2, 2), -7.0))
    assert_array_equal(max_pool2d(x, 2, ceil_mode=True), np.full((1, 1, 2, 2), -7.0))


@pytest.mark.parametrize("place", list(np.ndindex(3, 3)), ids=str)
def test_a_nan_anywhere_in_the_window_is_the_maximum(place):
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    x[(0, 0, *place)] = np.nan
    assert_array_equal(max_pool2d(x, 3), [[[[np.nan]]]])


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("size", [(55, 54), (13, 12), (7, 3)])
@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [(3, 2, 0), (3, 2, 1), (2, 3, 1)])
def test_max_pool2d_is_that_of_torch(torch, kernel_size, stride, padding, size, ceil_mode):
    x = normal(3, 2, 3, *size)
    expected = torch.nn.functional.max_pool2d(
        torch.from_numpy(x), kernel_size, stride, padding, ceil_mode=ceil_mode
    )
    y = max_pool2d(x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
    assert_array_equal(y, expected.numpy())


def test_local_response_norm_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1)
    # size 3, alpha / size = 1, k = 2, beta = 1: channel c is divided by 2 + its window's energy
    y = local_response_norm(x, 3, alpha=3.0, beta=1.0, k=2.0)
    expected = [1 / (2 + 1 + 4), 2 / (2 + 1 + 4 + 9), 3 / (2 + 4 + 9 + 16), 4 / (2 + 9 + 16)]
    assert_allclose(y.ravel(), expected, rtol=1e-15)


def test_an_even_window_reaches_one_channel_further_down():
    x = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    y = local_response_norm(x, 2, alpha=2.0, beta=1.0, k=0.0)
    assert_allclose(y.ravel(), [1 / 1, 2 / (1 + 4), 3 / (4 + 9)], rtol=1e-15)


@settings(deadline=None)
@given(seeds, st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.5, 0.75, 1.0]))
def test_without_alpha_the_norm_is_a_division_by_a_constant(seed, k, beta):
    x = normal(seed, 1, 7, 2, 3)
    y = local_response_norm(x, alpha=0, k=k, beta=beta)
    assert_allclose(y, x / k**beta, rtol=1e-14)


@settings(deadline=None)
@given(seeds, st.integers(1, 9))
def test_channels_outside_the_window_do_not_count(seed, size):
    x = normal(seed, 1, 12, 1, 1)
    before = local_response_norm(x, size, alpha=1.0)
    x[:, 0] = 1000.0
    after = local_response_norm(x, size, alpha=1.0)
    first_unchanged = size // 2 + 1
    assert_array_equal(after[:, first_unchanged:], before[:, first_unchanged:])
    assert np.all(after[:, 1:first_unchanged] != before[:, 1:first_unchanged])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 13])
def test_local_response_norm_is_that_of_torch(torch, size):
    x = 30 * normal(4, 2, 9, 3, 4)
    expected = torch.nn.functional.local_response_norm(
        torch.from_numpy(x), size, alpha=1e-3, beta=0.6, k=1.5
    )
    y = local_response_norm(x, size, alpha=1e-3, beta=0.6, k=1.5)
    assert_allclose(y, expected.numpy(), rtol=1e-13)


def test_adaptive_avg_pool2d_by_hand():
    x = np.arange(5.0).reshape(1, 1, 1, 5)
    # 5 pixels in 3 parts: [0, 2), [1, 4), [3, 5)
    assert_array_equal(adaptive_avg_pool2d(x, (1, 3)), [[[[0.5, 2, 3.5]]]])
    assert_array_equal(adaptive_avg_pool2d(x, (2, 5)), [[[[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]]])


@settings(deadline=None)
@given(seeds)
def test_adaptive_pooling_to_the_same_size_changes_nothing(seed):
    x = normal(seed, 2, 3, 6, 6)
    assert_array_equal(adaptive_avg_pool2d(x, 6), x)


@pytest.mark.parametrize("size", [(1, 1), (6, 6), (7, 5), (12, 13), (31, 2)])
def test_adaptive_avg_pool2d_is_that_of_torch(torch, size):
    x = normal(5, 2, 3, *size)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(x), (6, 6))
    assert_allclose(adaptive_avg_pool2d(x, 6), expected.numpy(), rtol=1e-12, atol=1e-14)


def test_linear_relu_and_softmax_by_hand():
    assert_array_equal(linear([[1, 2]], [[3, 4], [5, -6]], [1, 1]), [[12, -6]])
    assert_array_equal(linear([[1, 2]], [[3, 4], [5, -6]], relu=True), [[11, 0]])
    assert_array_equal(relu([[-1.0, 0.0, 2.0, np.nan]]), [[0, 0, 2, np.nan]])
    assert_allclose(softmax(np.log([[1, 3, 4]])), [[0.125, 0.375, 0.5]], rtol=1e-15)


@settings(deadline=None)
@given(seeds, st.floats(-1e6, 1e6))
def test_softmax_does_not_see_a_shift(seed, shift):
    x = normal(seed, 2, 10)
    assert_allclose(softmax(x + shift), softmax(x), rtol=1e-8)
    assert_allclose(softmax(x).sum(axis=1), 1, rtol=1e-14)


def test_infinities_and_nan_travel_without_warnings():
    x = np.array([[np.inf, 1.0], [-np.inf, 1.0], [np.nan, 1.0]])
    assert_array_equal(softmax(x), [[np.nan, np.nan], [0, 1], [np.nan, np.nan]])
    assert_array_equal(linear(x, [[0.0, 1.0]]), [[np.nan], [np.nan], [np.nan]])
    images = x[:, :, None, None]
    assert_array_equal(local_response_norm(images)[:, 0, 0, 0], np.array([np.nan, np.nan, np.nan]))
    assert np.isnan(conv2d(images, np.zeros((1, 2, 1, 1)))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_arithmetic_is_in_the_type_asked_for(dtype):
    x, weight = normal(6, 1, 2, 4, 4).astype(np.float32), normal(7, 4, 2, 3, 3).astype(np.float32)
    row, square = x.reshape(1, 32), np.eye(32, dtype=np.float32)
    for y in (
        conv2d(x, weight, np.ones(4), dtype=dtype),
        max_pool2d(x, 2, padding=1, dtype=dtype),
        local_response_norm(x, dtype=dtype),
        adaptive_avg_pool2d(x, 3, dtype=dtype),
        linear(row, square, np.ones(32), dtype=dtype),
        relu(x, dtype=dtype),
        softmax(row, dtype=dtype),
    ):
        assert y.dtype == dtype


def test_an_empty_batch_has_an_empty_result():
    x = np.zeros((0, 2, 5, 5))
    assert conv2d(x, np.ones((4, 2, 3, 3)), np.ones(4)).shape == (0, 4, 3, 3)
    assert max_pool2d(x, 2).shape == (0, 2, 2, 2)
    assert local_response_norm(x).shape == (0, 2, 5, 5)
    assert adaptive_avg_pool2d(x, 6).shape == (0, 2, 6, 6)
    assert linear(np.zeros((0, 3)), np.ones((4, 3))).shape == (0, 4)
    assert softmax(np.zeros((0, 3))).shape == (0, 3)


def test_inputs_are_left_as_they_are():
    x, weight = normal(8, 1, 2, 4, 4), normal(9, 2, 2, 3, 3)
    kept = x.copy()
    x.setflags(write=False)
    conv2d(x, weight, np.ones(2), relu=True)
    max_pool2d(x, 2)
    local_response_norm(x)
    relu(x)
    assert_array_equal(x, kept)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv2d(np.ones((2, 5, 5)), np.ones((1, 2, 3, 3))), "x must have 4 axes, got"),
        (lambda: conv2d(np.ones((1, 2, 5, 5)), np.ones((2, 9))), "weight must have 4 axes, got"),
        (
            lambda: conv2d(np.ones((1, 3, 5, 5)), np.ones((4, 2, 3, 3)), groups=2),
            "x of shape (1, 3, 5, 5) and weight of shape (4, 2, 3, 3) do not make 2 equal groups",
        ),
        (
            lambda: conv2d(np.ones((1, 4, 5, 5)), np.ones((3, 2, 3, 3)), groups=2),
            "do not make 2 equal groups of channels",
        ),
        (
            lambda: conv2d(np.ones((1, 1, 2, 5)), np.ones((1, 1, 3, 3))),
            "the 3x3 kernel does not fit x of 2x5 pixels with stride 1 and padding 0",
        ),
        (
            lambda: conv2d(np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3)), np.ones(2)),
            "bias must have shape (1,), got (2,)",
        ),
        (
            lambda: max_pool2d(np.ones((1, 1, 5, 5)), 3, padding=3),
            "padding: need less than the kernel, 3x3, got 3",
        ),
        (
            lambda: max_pool2d(np.ones((1, 1, 5, 5)), 0),
            "kernel_size: need a whole number from 1 up, got 0",
        ),
        (
            lambda: max_pool2d(np.ones((1, 1, 5, 5)), 3, stride=0),
            "stride: need a whole number from 1 up, got 0",
        ),
        (
            lambda: local_response_norm(np.ones((1, 2, 3, 3)), 0),
            "size: need a whole number from 1 up, got 0",
        ),
        (
            lambda: adaptive_avg_pool2d(np.ones((1, 2, 0, 3)), 6),
            "x must have at least one row and one column, got shape (1, 2, 0, 3)",
        ),
        (
            lambda: linear(np.ones((2, 3)), np.ones((4, 5))),
            "weight of shape (4, 5) needs x of shape (N, 5), got (2, 3)",
        ),
        (lambda: softmax(np.ones(3)), "x must have 2 axes, got shape (3,)"),
    ],
)
def test_errors_name_what_came_and_what_is_needed(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
