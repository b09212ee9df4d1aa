"""Winograd convolution: near the oracle for every tile, every tail and every stride it takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.samples import around, normal

from alexnet_cy import definitions, ops
from alexnet_cy.engine.winograd import LARGEST_KERNEL, largest_tile

pytestmark = pytest.mark.usefixtures("isa")

# The contract of docs/numerics.md, of the largest value of the result
LARGEST_ERROR = 2e-5


def assert_winograd(x, weight, bias, **settings):
    computed = ops.conv2d(x, weight, bias, algorithm="winograd", threads=1, **settings)
    exact = definitions.conv2d(x, weight, bias, **settings)
    assert computed.dtype == np.float32
    assert computed.shape == exact.shape
    assert np.abs(computed - exact).max() <= LARGEST_ERROR * np.abs(exact).max()


@pytest.mark.parametrize("kernel_w", range(1, LARGEST_KERNEL + 1))
@pytest.mark.parametrize("kernel_h", range(1, LARGEST_KERNEL + 1))
def test_kernels_and_outputs_about_the_tiles(kernel_h, kernel_w):
    weight, bias = normal(0, 5, 6, kernel_h, kernel_w), normal(1, 5)
    rows = around(1, largest_tile(kernel_h), 2 * largest_tile(kernel_h))
    columns = around(1, largest_tile(kernel_w), 2 * largest_tile(kernel_w))
    for p, q in zip(rows, reversed(columns), strict=False):
        assert_winograd(normal(p, 1, 6, p + kernel_h - 1, q + kernel_w - 1), weight, bias)


@pytest.mark.parametrize("groups", [1, 2])
def test_channels_about_the_vectors_and_panels(tile, groups):
    lanes, _, panel_width = tile
    for channels in around(1, lanes, 2 * lanes):
        for filters in [*around(1, lanes, panel_width), 2 * panel_width + 1]:
            x = normal(channels, 2, groups * channels, 6, 7)
            weight = normal(1, groups * filters, channels, 3, 3)
            assert_winograd(x, weight, normal(2, groups * filters), groups=groups, padding=1)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [((11, 11), 4), ((3, 3), 2), ((7, 7), 2), ((3, 5), (2, 1)), ((1, 1), 3), ((2, 2), (5, 4))],
)
def test_strides_at_the_door(kernel, stride, relu):
    for size in ((23, 19), (24, 22), (11, 26)):
        x, weight, bias = normal(0, 2, 3, *size), normal(1, 7, 3, *kernel), normal(2, 7)
        assert_winograd(x, weight, bias, stride=stride, padding=(kernel[0] - 1, 0), relu=relu)


@settings(max_examples=100)
@given(st.data())
def test_any_shape(data):
    kernel = data.draw(st.tuples(*2 * [st.integers(1, LARGEST_KERNEL)]), "kernel")
    padding = tuple(
        data.draw(st.tuples(*2 * [st.integers(0, length - 1)]), "padding") for length in kernel
    )
    size = [
        data.draw(st.integers(max(1, length - sum(pads)), 20), "size")
        for length, pads in zip(kernel, padding, strict=True)
    ]
    groups = data.draw(st.sampled_from([1, 1, 2, 3]), "groups")
    stride = data.draw(st.tuples(*2 * [st.integers(1, 3)]), "stride") if groups == 1 else 1
    channels, filters = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    seed = data.draw(st.integers(0, 999), "seed")
    x = normal(seed, data.draw(st.integers(1, 3)), groups * channels, *size)
    weight = normal(seed + 1, groups * filters, channels, *kernel)
    bias = normal(seed + 2, groups * filters)
    assert_winograd(x, weight, bias, stride=stride, padding=padding, groups=groups)


@pytest.mark.parametrize("place", [(0, 0), (3, 4), (11, 12)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_spoils_its_tile_and_no_other(value, place):
    """A tile is computed as a whole: NaN wherever the oracle has it, and nowhere far away."""
    x, weight = normal(0, 3, 4, 12, 13), normal(1, 9, 4, 3, 3)
    x[1, 2, place[0], place[1]] = value
    computed = ops.conv2d(x, weight, padding=1, algorithm="winograd")
    exact = definitions.conv2d(x, weight, padding=1)
    spoilt = ~np.isfinite(computed)
    assert spoilt[~np.isfinite(exact)].all()
    assert not spoilt[[0, 2]].any()
    rows, columns = np.nonzero(spoilt[1].any(axis=0))
    for found, where in ((rows, place[0]), (columns, place[1])):
        assert np.abs(found - where).max() < largest_tile(3) + 3 - 1


def test_tiles_by_the_hundred():
    """More tiles than one block holds, in groups, for one thread and for several."""
    x, weight = normal(0, 9, 8, 40, 40), normal(1, 10, 4, 3, 3)
    exact = definitions.conv2d(x, weight, groups=2)
    for threads in (1, 2, 3):
        y = ops.conv2d(x, weight, groups=2, algorithm="winograd", threads=threads)
        assert np.abs(y - exact).max() <= LARGEST_ERROR * np.abs(exact).max()
