"""Convolution against the float64 oracle: sizes about every tile, awkward geometry, every level."""

import numpy as np
import pytest
from support.closeness import assert_close_sum
from support.samples import around, normal

from alexnet_cy import ops
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")

# Those that add the products of the definition: the bound of `assert_close_sum` is for them.
ALGORITHMS = ["direct", "im2col"]


def assert_conv(x, weight, bias, algorithm, **settings):
    computed = ops.conv2d(x, weight, bias, algorithm=algorithm, threads=1, **settings)
    exact = definitions.conv2d(x, weight, bias, **settings)
    settings["relu"] = False
    magnitude = definitions.conv2d(np.abs(x), np.abs(weight), np.abs(bias), **settings)
    assert_close_sum(computed, exact, np.prod(weight.shape[1:]), magnitude)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("pixels", ["rows", "columns copied at once", "pixels of a call"])
def test_pixels_and_out_channels_about_the_tiles(tile, pixels, algorithm):
    lanes, rows, panel_width = tile
    # 64 pixels are copied together by im2col, 256 are the most that one call of the kernel takes
    size = {"rows": rows, "columns copied at once": 64, "pixels of a call": 256}[pixels]
    most = 2 * panel_width + 1
    weight, bias = normal(0, most, 3, 1, 2), normal(1, most)
    for n_pixels in around(size, 2 * size) if pixels == "rows" else around(size):
        x = normal(n_pixels, 1, 3, 1, n_pixels + 1)
        for out_channels in [*around(1, lanes, panel_width), most]:
            assert_conv(x, weight[:out_channels], bias[:out_channels], algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("group_channels", "kernel", "groups"),
    [
        *[(depth, (1, 1), 1) for depth in (1, *around(64, 768, 1536))],
        # runs that a boundary between two blocks of 768 cuts
        (257, (1, 3), 1),
        (129, (2, 3), 1),
        (129, (2, 3), 2),
        (300, (3, 1), 2),
    ],
)
def test_depths_about_the_blocks(group_channels, kernel, groups, algorithm):
    x = normal(0, 2, groups * group_channels, 3, 4)
    weight = normal(1, groups * 9, group_channels, *kernel)
    assert_conv(x, weight, normal(2, groups * 9), algorithm, groups=groups)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("channels", [1, 3, 5, 17])
@pytest.mark.parametrize(
    ("size", "kernel", "settings"),
    [
        ((1, 1), (1, 1), {}),
        ((1, 1), (3, 3), {"padding": 1}),
        ((5, 4), (5, 4), {}),
        ((9, 10), (1, 1), {"stride": 3}),
        ((9, 10), (2, 2), {"stride": (5, 4)}),
        ((7, 6), (3, 2), {"padding": ((2, 0), (0, 1)), "stride": (1, 2)}),
        ((7, 6), (3, 4), {"padding": ((0, 2), (3, 1)), "stride": (2, 1)}),
        ((4, 31), (3, 3), {"padding": (0, 1), "relu": True}),
        ((23, 19), (11, 11), {"stride": 4, "padding": 2}),
        ((8, 8), (5, 5), {"padding": 2, "relu": True}),
    ],
)
def test_geometry(channels, size, kernel, settings, algorithm):
    x = normal(channels, 2, channels, *size)
    weight = normal(1, 6, channels, *kernel)
    assert_conv(x, weight, normal(2, 6), algorithm, **settings)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("channels", "out_channels", "groups"), [(4, 6, 2), (9, 51, 3), (5, 5, 5)])
def test_groups(channels, out_channels, groups, algorithm):
    x = normal(0, 2, channels, 6, 7)
    weight, bias = normal(1, out_channels, channels // groups, 3, 3), normal(2, out_channels)
    assert_conv(x, weight, bias, algorithm, groups=groups, padding=1, stride=(1, 2))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("batch", [1, 2, 5, 6, 7, 64, 65])
def test_batches(batch, algorithm):
    x = normal(batch, batch, 3, 5, 6)
    assert_conv(x, normal(0, 10, 3, 3, 3), normal(1, 10), algorithm, padding=1)


def test_no_bias_is_a_bias_of_zeros():
    x, weight = normal(0, 2, 3, 5, 6), normal(1, 7, 3, 2, 2)
    zeros = np.zeros(7, np.float32)
    np.testing.assert_array_equal(ops.conv2d(x, weight), ops.conv2d(x, weight, zeros))
