"""Window arithmetic: counts against their definition, and how arguments are read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet_cy.network.windows import as_padding, as_pair, window_count


@pytest.mark.parametrize(
    ("size", "kernel_size", "stride", "padding", "floor", "ceil"),
    [
        (227, 11, 4, (0, 0), 55, 55),
        (224, 11, 4, (0, 0), 54, 55),
        (224, 11, 4, (0, 3), 55, 55),  # the paper's 55 windows
        (224, 11, 4, (2, 2), 55, 56),
        (227, 11, 4, (4, 4), 57, 57),
        (55, 3, 2, (0, 0), 27, 27),
        (54, 3, 2, (0, 0), 26, 27),  # what decides whether 224 pixels fit caffe
        (28, 3, 2, (0, 0), 13, 14),
        (2, 3, 2, (0, 0), 0, 1),  # one window, hanging over
        (1, 3, 2, (0, 0), 0, 0),
        (4, 1, 2, (0, 0), 2, 2),  # a third window would start at pixel 4, outside
        (4, 2, 2, (1, 1), 3, 3),  # a fourth window would start in the padding below
        (4, 2, 4, (1, 0), 1, 2),
        (10, 3, 1, (2, 0), 10, 10),
    ],
)
def test_window_count_examples(size, kernel_size, stride, padding, floor, ceil):
    assert window_count(size, kernel_size, stride, padding) == floor
    assert window_count(size, kernel_size, stride, padding, ceil_mode=True) == ceil


@st.composite
def axes(draw):
    kernel_size = draw(st.integers(1, 8))
    padding = st.integers(0, kernel_size - 1)
    stride = draw(st.integers(1, 9))
    return draw(st.integers(1, 40)), kernel_size, stride, (draw(padding), draw(padding))


@settings(deadline=None)
@given(axes())
def test_floor_mode_counts_the_windows_inside(axis):
    size, kernel_size, stride, (before, after) = axis
    padded = size + before + after
    starts = [start for start in range(0, padded, stride) if start + kernel_size <= padded]
    assert window_count(*axis) == len(starts)


@settings(deadline=None)
@given(axes())
def test_ceil_mode_adds_a_window_where_pixels_are_left(axis):
    size, kernel_size, stride, (before, after) = axis
    # A window is there if it starts before the trailing padding, and the one before it does not
    # reach the end.
    starts = [
        start
        for start in range(0, size + before, stride)
        if start - stride + kernel_size < size + before + after
    ]
    assert window_count(*axis, ceil_mode=True) == len(starts)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@settings(deadline=None)
@given(axis=axes())
def test_ceil_mode_agrees_with_torch(torch, axis):
    size, kernel_size, stride, (before, _) = axis
    padding = min(before, kernel_size // 2)  # what torch allows, at both ends
    count = window_count(size, kernel_size, stride, (padding, padding), ceil_mode=True)
    if count:
        pixels = torch.zeros(1, 1, size)
        pooled = torch.nn.functional.max_pool1d(
            pixels, kernel_size, stride, padding, ceil_mode=True
        )
        assert pooled.shape[2] == count


@pytest.mark.parametrize("value", [3, (3, 3), [3, 3], np.int64(3), (np.int32(3), 3)])
def test_as_pair_takes_one_integer_or_two(value):
    assert as_pair(value, "stride", minimum=1) == (3, 3)


@pytest.mark.parametrize("value", [1.5, "3", None, (1, 2, 3), (1, 2.0), (), True, (1, False)])
def test_as_pair_refuses_other_kinds(value):
    with pytest.raises(TypeError, match=r"stride: need a whole number or two of them.*got"):
        as_pair(value, "stride", minimum=1)


def test_as_pair_refuses_too_small():
    with pytest.raises(ValueError, match=r"stride: need a whole number from 1 up, got 0"):
        as_pair((2, 0), "stride", minimum=1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, ((2, 2), (2, 2))),
        ((1, 2), ((1, 1), (2, 2))),
        (((0, 3), (1, 2)), ((0, 3), (1, 2))),
        ([[0, 3], 1], ((0, 3), (1, 1))),
        (np.int64(0), ((0, 0), (0, 0))),
    ],
)
def test_as_padding_takes_three_forms(value, expected):
    assert as_padding(value, (5, 4)) == expected


@pytest.mark.parametrize("value", [0.5, "same", (1, 2, 3), None, ((1, 2, 3), 0)])
def test_as_padding_refuses_other_kinds(value):
    with pytest.raises(TypeError, match=r"padding: need a whole number"):
        as_padding(value, (5, 5))


@pytest.mark.parametrize("value", [5, (4, 5), ((0, 5), 0), (0, (7, 0))])
def test_as_padding_refuses_padding_as_large_as_the_kernel(value):
    with pytest.raises(ValueError, match=r"padding: need less than the kernel, 5x5, got"):
        as_padding(value, (5, 5))


def test_as_padding_refuses_negative_padding():
    with pytest.raises(ValueError, match=r"padding: need a whole number from 0 up, got -1"):
        as_padding(-1, (5, 5))
