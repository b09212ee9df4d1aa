"""Winograd convolution with streamed weights, from kernels that come in parts."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.samples import normal

from alexnet_cy.engine.packed.conv_packing import PART_FLOATS
from alexnet_cy.engine.packed.winograd_packing import pack_winograd, winograd_shape
from alexnet_cy.engine.packed.winograd_streaming import filters_at_a_time
from alexnet_cy.engine.winograd import tile_cuts
from alexnet_cy.kernels import _runtime
from alexnet_cy.kernels.convolution import _winograd
from alexnet_cy.kernels.convolution._winograd_streaming import MOST_TILES, StreamedWinograd

CUTS = tile_cuts(7, 3), tile_cuts(9, 3)


def shape_of(weight, groups, kernels):
    return winograd_shape(weight.shape, stride=(1, 1), groups=groups, kernels=kernels)


@pytest.mark.parametrize(("groups", "filters"), [(1, 150), (2, 96), (3, 5), (2, 33)])
def test_parts_in_any_order(kernels, groups, filters):
    """Whole panels; those of the group's end are narrower, and padded."""
    x = normal(0, 2, 9, 11, 6 * groups)
    weight, bias = normal(1, groups * filters, 6, 3, 3), normal(2, groups * filters)
    packed = pack_winograd(weight, bias, stride=(1, 1), groups=groups, kernels=kernels)
    expected, y = np.empty((2, 2, 7, 9, groups * filters), np.float32)
    _winograd.WinogradConv2d(packed, x, expected, *CUTS, True).run(1)

    width = _runtime.tile_of(kernels)[2]
    begins = [g * filters + o for g in range(groups) for o in range(0, filters, width)]
    parts = list(zip(begins, [*begins[1:], groups * filters], strict=True))
    with StreamedWinograd(
        shape_of(weight, groups, kernels), bias, x, y, *CUTS, True, 2
    ) as streamed:
        for first, end in reversed(parts):
            assert streamed.take_filters(first, weight[first:end])
        assert_same_bits(y, expected)
        y[...] = np.nan
        assert streamed.take_filters(0, weight, threads=3)
        assert streamed.take_filters(0, weight[:0])
    assert_same_bits(y, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_noticed(kernels, value):
    x, weight = normal(0, 1, 9, 11, 5), normal(1, 70, 5, 3, 3)
    y = np.empty((1, 7, 9, 70), np.float32)
    for place in (0, 0, 0, 0), (69, 4, 2, 2):
        spoilt = weight.copy()
        spoilt[place] = value
        shape = shape_of(weight, 1, kernels)
        with StreamedWinograd(shape, None, x, y, *CUTS, False, 2) as streamed:
            assert not streamed.take_filters(0, spoilt, threads=2)
            assert streamed.take_filters(0, weight, threads=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": (1, 9, 11, 4)}, "x, y: shapes do not match the weights"),
        ({"x": (1, 8, 11, 5)}, "x: too small for the output"),
        ({"y": (1, 8, 9, 70), "x": (1, 10, 11, 5)}, "rows: must go from 0 to 8"),
        ({"bias": 69}, "bias: got 69 values for 70 channels"),
        (
            {"x": (0, 9, 11, 5), "y": (0, 7, 9, 70)},
            f"x, y: 0 tiles; 1 to {MOST_TILES} are possible",
        ),
        (
            {"x": (65, 9, 11, 5), "y": (65, 7, 9, 70)},
            f"x, y: 260 tiles; 1 to {MOST_TILES} are possible",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_refused(kernels, changes, message):
    sizes = {"x": (1, 9, 11, 5), "y": (1, 7, 9, 70), "bias": 70} | changes
    shape = winograd_shape((70, 5, 3, 3), stride=(1, 1), groups=1, kernels=kernels)
    x, y = np.zeros(sizes["x"], np.float32), np.zeros(sizes["y"], np.float32)
    with pytest.raises(ValueError, match=f"^{message}$"):
        StreamedWinograd(shape, normal(0, sizes["bias"]), x, y, *CUTS, False, 1)


def test_filters_that_do_not_fit_are_refused(kernels):
    width = _runtime.tile_of(kernels)[2]
    shape = winograd_shape((2 * width + 3, 5, 3, 3), stride=(1, 1), groups=1, kernels=kernels)
    x, y = np.zeros((1, 9, 11, 5), np.float32), np.zeros((1, 7, 9, 2 * width + 3), np.float32)
    with StreamedWinograd(shape, None, x, y, *CUTS, False, 1) as streamed:
        for first, size in (
            (-width, (width, 5, 3, 3)),
            (2 * width, (4, 5, 3, 3)),
            (0, (width, 4, 3, 3)),
            (0, (width, 5, 2, 3)),
            (0, (width, 5, 3, 2)),
        ):
            with pytest.raises(ValueError, match=r"^filters: shape does not match the weights$"):
                streamed.take_filters(first, np.zeros(size, np.float32))
        for first, end in ((0, width - 1), (1, width), (width, 2 * width + 2)):
            with pytest.raises(ValueError, match=f"^filters: {first} to {end} are no whole panels"):
                streamed.take_filters(first, np.zeros((end - first, 5, 3, 3), np.float32))


def test_it_ends(kernels):
    shape = winograd_shape((16, 5, 3, 3), stride=(1, 1), groups=1, kernels=kernels)
    x, y = np.zeros((1, 9, 11, 5), np.float32), np.zeros((1, 7, 9, 16), np.float32)
    with StreamedWinograd(shape, None, x, y, *CUTS, False, 1) as streamed:
        pass
    with pytest.raises(ValueError, match=r"^the convolution has ended$"):
        streamed.take_filters(0, np.zeros((16, 5, 3, 3), np.float32))


@pytest.mark.parametrize("panel_width", [8, 12, 16, 32])
def test_filters_at_a_time_are_whole_panels_of_groups(panel_width):
    for group_out in (5, 48, 64, 96, 128, 192, 384):
        for groups in (1, 2, 3):
            for channels in (3, 48, 256, 3000):
                shape = (groups * group_out, channels, 3, 3)
                filters = filters_at_a_time(shape, groups, panel_width)
                for begin in range(0, groups * group_out, filters):
                    assert begin % group_out % panel_width == 0
                assert filters in (panel_width, group_out) or filters * 9 * channels <= PART_FLOATS


def test_filters_at_a_time_of_the_networks_layers():
    """Enough parts for the threads, none larger than the cache."""
    found = [
        filters_at_a_time(shape, groups, 16)
        for shape, groups in [
            ((96, 3, 11, 11), 1),
            ((256, 48, 5, 5), 2),
            ((384, 256, 3, 3), 1),
            ((384, 192, 3, 3), 2),
            ((256, 192, 3, 3), 2),
        ]
    ]
    assert found == [16, 64, 32, 64, 64]
