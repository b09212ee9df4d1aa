"""Winograd convolution: near the oracle about every tile, panel and block, with the same bits."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.closeness import assert_same_bits
from support.samples import around, normal, small_integers
from support.winograd_bound import assert_winograd

from alexnet_cy import ops
from alexnet_cy.engine import ops_convolution
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.winograd_packing import pack_winograd, winograd_shape
from alexnet_cy.engine.winograd import (
    LARGEST_KERNEL,
    block_taps,
    kernel_matrix,
    largest_tile,
    tile_cuts,
)
from alexnet_cy.kernels.convolution import _winograd
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")

# What limits a block of tiles, in src/convolution/_winograd.pyx.
FEWEST_TILES, MOST_TILES, BLOCK_FLOATS = 24, 256, 262144


def winograd(x, weight, bias=None, **arguments):
    """With streamed weights, if the tiles are few, and with packed ones."""
    arguments = {"algorithm": "winograd", "threads": 1} | arguments
    first = ops.conv2d(x, weight, bias, **arguments)
    with mock.patch.object(ops_convolution, "can_stream", return_value=False):
        assert_same_bits(ops.conv2d(x, weight, bias, **arguments), first)
    return first


def check(x, weight, bias, **arguments):
    assert_winograd(winograd(x, weight, bias, **arguments), x, weight, bias, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("kernel_w", range(1, LARGEST_KERNEL + 1))
@pytest.mark.parametrize("kernel_h", range(1, LARGEST_KERNEL + 1))
def test_kernels_and_outputs_about_the_tiles(kernel_h, kernel_w):
    """One output, every remainder, two tiles and the first of a third, along either axis."""
    weight, bias = normal(0, 5, 6, kernel_h, kernel_w), normal(1, 5)
    rows = range(1, 2 * largest_tile(kernel_h) + 2)
    columns = range(1, 2 * largest_tile(kernel_w) + 2)
    for i in range(max(len(rows), len(columns))):
        p, q = rows[i % len(rows)], columns[-1 - i % len(columns)]
        check(normal(i, 1, 6, p + kernel_h - 1, q + kernel_w - 1), weight, bias)


CHANNELS = (1, 3, 7, 8, 9, 15, 16, 17, 33, 48)


@pytest.mark.parametrize("channels", CHANNELS)
def test_channels_about_vectors_and_panels(tile, channels):
    panel_width = tile[2]
    for out_channels in sorted({*CHANNELS, *around(panel_width, 2 * panel_width)}):
        x, weight = normal(channels, 1, channels, 6, 8), normal(1, out_channels, channels, 3, 3)
        check(x, weight, normal(2, out_channels), padding=1)


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("channels", [1, 7, 8, 17])
def test_groups(channels, groups):
    x = normal(0, 2, groups * channels, 7, 6)
    for out_channels in (1, 9, 16, 33):
        weight = normal(1, groups * out_channels, channels, 5, 3)
        check(x, weight, normal(2, groups * out_channels), padding=1, groups=groups)


@pytest.mark.slow
@pytest.mark.parametrize("stride", [1, 2, 3, 4, (1, 3), (4, 2)])
@pytest.mark.parametrize("kernel", [(1, 3), (2, 4), (5, 3), (6, 6), (1, 1), (11, 11)])
def test_strides_of_the_first_layer(kernel, stride):
    strides = stride if isinstance(stride, tuple) else (stride, stride)
    if max(block_taps(kernel, strides)) > LARGEST_KERNEL:
        with pytest.raises(ValueError, match=r"'winograd' cannot compute a 11x11 .*: direct, im2"):
            winograd(normal(0, 1, 3, 20, 20), normal(1, 2, 3, 11, 11), stride=stride)
        return
    weight, bias = normal(1, 6, 3, *kernel), normal(2, 6)
    padding = ((kernel[0] - 1, 0), (kernel[1] // 2, kernel[1] - 1))
    for size in ((23, 19), (24, 22), (11, 27)):
        x = normal(size[0], 2, 3, *size)
        for relu in (False, True):
            check(x, weight, bias, stride=stride, padding=padding, relu=relu)


@pytest.mark.parametrize("kernel", [(1, 3), (2, 4), (5, 3), (6, 6)])
def test_asymmetric_padding(kernel):
    weight, bias = normal(1, 5, 4, *kernel), normal(2, 5)
    x = normal(0, 2, 4, 9, 8)
    last_h, last_w = kernel[0] - 1, kernel[1] - 1
    for padding in (
        ((last_h, 0), (0, last_w)),
        ((0, last_h), (last_w, 0)),
        ((last_h, last_h), (last_w, last_w)),
    ):
        check(x, weight, bias, padding=padding)


def largest_block(channels, out_channels, lanes):
    """The most 5x5 tiles of a 3x3 convolution that are computed together."""
    floats = 49 * sum(-(-n // lanes) * lanes for n in (channels, out_channels))
    return min(MOST_TILES, max(FEWEST_TILES, BLOCK_FLOATS // floats))


@pytest.mark.parametrize(
    ("channels", "out_channels", "limit"),
    [(2, 3, MOST_TILES), (40, 24, None), (144, 128, FEWEST_TILES)],
)
def test_tiles_about_the_blocks(tile, channels, out_channels, limit):
    """One tile an image, so that a batch is a number of tiles; the last image alone as well."""
    largest = largest_block(channels, out_channels, tile[0])
    if tile[0] <= 8:  # in vectors of 16 floats no tile is so small that MOST_TILES of them fit
        assert limit in (largest, None)
    weight, bias = normal(1, out_channels, channels, 3, 3), normal(2, out_channels)
    images = normal(0, 2 * largest + 1, channels, 7, 7)
    whole = winograd(images, weight, bias)
    for first in (0, largest - 1, 2 * largest):
        image = images[first : first + 1]
        assert_winograd(whole[first : first + 1], image, weight, bias)
    for batch in around(largest, 2 * largest):
        assert_same_bits(winograd(images[-batch:], weight, bias), whole[-batch:])


@pytest.mark.slow
@given(st.data())
def test_any_shape(data):
    x, weight, bias, arguments = draw_problem(data, normal, normal)
    check(x, weight, bias, **arguments)


@given(st.data())
def test_whole_numbers_are_recovered(data):
    """Its errors are far below 1/2: rounded, the result is the exact one."""
    x, weight, bias, arguments = draw_problem(data, small_integers, small_integers)
    computed = winograd(x, weight, bias, **arguments)
    np.testing.assert_array_equal(
        np.rint(computed), definitions.conv2d(x, weight, bias, **arguments)
    )


def draw_problem(data, draw_x, draw_weight):
    kernel = data.draw(st.tuples(*2 * [st.integers(1, LARGEST_KERNEL)]), "kernel")
    padding = tuple(
        data.draw(st.tuples(*2 * [st.integers(0, length - 1)]), "padding") for length in kernel
    )
    size = [
        data.draw(st.integers(max(1, length - sum(pads)), 20), "size")
        for length, pads in zip(kernel, padding, strict=True)
    ]
    groups = data.draw(st.sampled_from([1, 1, 2, 3]), "groups")
    stride = data.draw(st.tuples(*2 * [st.integers(1, 4)]), "stride") if groups == 1 else 1
    channels, filters = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    seed = data.draw(st.integers(0, 999), "seed")
    return (
        draw_x(seed, data.draw(st.integers(1, 3), "images"), groups * channels, *size),
        draw_weight(seed + 1, groups * filters, channels, *kernel),
        draw_weight(seed + 2, groups * filters),
        {"stride": stride, "padding": padding, "groups": groups},
    )


@pytest.mark.parametrize(("kernel", "stride"), [((1, 1), 1), ((2, 2), 2), ((4, 3), (4, 3))])
def test_a_single_tap_adds_as_direct_convolution_does(kernel, stride):
    """Its matrices are those of the identity, and the channels of a block come row by row."""
    x, weight = normal(0, 2, 20, 25, 27), normal(1, 19, 20, *kernel)
    direct = ops.conv2d(x, weight, stride=stride, algorithm="direct")
    assert_same_bits(winograd(x, weight, stride=stride), direct)


def test_no_bias_is_a_bias_of_zeros():
    x, weight = normal(0, 2, 3, 9, 8), normal(1, 7, 3, 3, 3)
    assert_same_bits(winograd(x, weight), winograd(x, weight, np.zeros(7, np.float32)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "channels", "out_channels", "groups"),
    [
        (1, 20, 40, 1),  # one block: several threads share its steps
        (1, 20, 40, 4),  # up to 4 threads take a group each, more share the steps of one by one
        (60, 4, 5, 1),  # 540 tiles, at least 3 blocks: a block for each of two or three threads
        (60, 4, 6, 2),  # the same in groups
        (9, 130, 140, 1),  # blocks of 24 tiles
        (3, 130, 170, 1),  # large weights: 27 tiles in one block that all threads share
        (20, 130, 170, 1),  # two such blocks
        (3, 260, 340, 2),  # one for each group
    ],
)
def test_threads(images, channels, out_channels, groups):
    """Whole blocks for each thread, or blocks shared out step by step."""
    x = normal(0, images, channels, 13, 13)
    weight = normal(1, out_channels, channels // groups, 3, 3)
    arguments = {"bias": normal(2, out_channels), "groups": groups, "padding": 1, "relu": True}
    alone = winograd(x, weight, **arguments)
    for threads in range(2, 9):
        assert_same_bits(winograd(x, weight, threads=threads, **arguments), alone)


@pytest.mark.parametrize(("channels", "groups"), [(3, 1), (40, 2), (130, 1)])
def test_batches(channels, groups):
    x = normal(0, 33, channels, 9, 9)
    weight = normal(1, 10, channels // groups, 5, 5)
    together = winograd(x, weight, padding=2, groups=groups, threads=2)
    for batch in (1, 3, 32):
        for first in (0, 33 - batch):
            part = slice(first, first + batch)
            for threads in (1, 2):
                alone = winograd(x[part], weight, padding=2, groups=groups, threads=threads)
                assert_same_bits(alone, together[part])


@pytest.mark.parametrize("groups", [1, 2])
def test_an_output_with_gaps(kernels, groups):
    """As in a network, where the result is the inside of a padded activation."""
    x, weight = normal(0, 2, 9, 12, 8), normal(1, 18, 8 // groups, 3, 3)
    packed = pack_winograd(weight, None, stride=(1, 1), groups=groups, kernels=kernels)
    cuts = tile_cuts(7, 3), tile_cuts(10, 3)
    dense = np.empty((2, 7, 10, 18), np.float32)
    _winograd.WinogradConv2d(packed, x, dense, *cuts, False).run(1)
    padded = np.full((2, 12, 13, 18), 7, np.float32)
    _winograd.WinogradConv2d(packed, x, padded[:, 2:9, 1:11], *cuts, False).run(1)
    assert_same_bits(padded[:, 2:9, 1:11], dense)
    padded[:, 2:9, 1:11] = 7
    assert (padded == 7).all()


def test_the_weights_are_transformed_at_the_first_call(kernels):
    x, weight = normal(0, 1, 9, 11, 8), normal(1, 18, 8, 3, 3)
    packed = pack_winograd(weight, None, stride=(1, 1), groups=1, kernels=kernels)
    cuts = tile_cuts(7, 3), tile_cuts(9, 3)
    assert packed.nbytes == 0
    _winograd.WinogradConv2d(packed, x, np.empty((1, 7, 9, 18), np.float32), *cuts, False).run(2)
    assert packed.nbytes >= 49 * 18 * 8 * 4


def test_nothing_of_an_earlier_call_is_left():
    """The memory between the steps is kept for the next call; NaN in it must not be read."""
    x, weight = normal(0, 2, 19, 11, 9), normal(1, 21, 19, 3, 3)
    clean = winograd(x, weight)
    for shape in (x.shape, (3, 19, 20, 20)):
        assert np.isnan(winograd(np.full(shape, np.nan), weight)).all()
        assert_same_bits(winograd(x, weight), clean)


@pytest.mark.parametrize(
    ("kernel", "arguments"),
    [((7, 3), {}), ((3, 7), {"stride": (2, 1)}), ((3, 3), {"stride": 2, "groups": 2})],
)
def test_what_it_cannot_compute(monkeypatch, kernel, arguments):
    x, weight = normal(0, 1, 4, 9, 9), normal(1, 6, 4 // arguments.get("groups", 1), *kernel)
    size = f"{kernel[0]}x{kernel[1]}"
    with pytest.raises(ValueError, match=f"^algorithm: .* {size} .*; these can: direct, im2col$"):
        winograd(x, weight, **arguments)
    monkeypatch.setenv("ALEXNET_CY_CONV", "winograd")
    with pytest.raises(ValueError, match=f"^ALEXNET_CY_CONV: 'winograd' cannot .* {size} "):
        ops.conv2d(x, weight, **arguments)


def test_the_variable_chooses_it(monkeypatch):
    """For a convolution of so few channels that it is not chosen otherwise."""
    x, weight = normal(0, 1, 3, 20, 20), normal(1, 4, 3, 3, 3)
    direct, chosen = ops.conv2d(x, weight), winograd(x, weight)
    assert not np.array_equal(direct, chosen)
    monkeypatch.setenv("ALEXNET_CY_CONV", "winograd")
    assert_same_bits(ops.conv2d(x, weight), chosen)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": 4}, "groups: 4 does not divide 6 out channels"),
        ({"groups": 0}, "groups: 0 does not divide 6 out channels"),
        ({"kernel_taps": 8}, "kernel_matrices: fewer points than taps"),
        ({"points": 9}, "kernel_matrices: at most 8 points are possible"),
        ({"tiles": 9}, "transforms: too many"),
        ({"first": -1}, "transforms: take points that the kernel matrices do not have"),
        ({"first": 1}, "transforms: take points that the kernel matrices do not have"),
        ({"taken": 0}, "transforms: take points that the kernel matrices do not have"),
        ({"taken": 8}, "transforms: take points that the kernel matrices do not have"),
        ({"points": 8, "taken": 8}, "transforms: 8 points cannot be symmetric about zero"),
        ({"taken": 6, "zero": True}, "transforms: 6 points cannot be symmetric about zero"),
        ({"zero": 2}, "transforms: 7 points cannot be symmetric about zero"),
        ({"input": 11}, "transforms: too few or too many coefficients for 7 points"),
        ({"output": 3}, "transforms: too few or too many coefficients for 7 points"),
        ({"taken": 4}, "transforms: too few or too many coefficients for 4 points"),
    ],
)
def test_transforms_that_do_not_fit_are_refused(kernels, changes, message):
    sizes = {"groups": 1, "kernel_taps": 3, "points": 7, "tiles": 1, "first": 0}
    sizes |= {"taken": 7, "zero": False, "input": 12, "output": 4} | changes
    matrix = np.resize(kernel_matrix(3).astype(np.float32), (sizes["points"], sizes["kernel_taps"]))
    coefficients = [normal(2, sizes[name]) for name in ("input", "output")]
    tile = (sizes["taken"], sizes["first"], sizes["zero"], *coefficients)
    transforms = [tile] * sizes["tiles"]
    with pytest.raises(ValueError, match=f"^{message}$"):
        _winograd.WinogradShape(
            6, 2, sizes["groups"], (matrix, matrix), (transforms, transforms), kernels
        )


def test_panels_of_another_shape_are_refused(kernels):
    shape = winograd_shape((6, 2, 3, 3), stride=(1, 1), groups=1, kernels=kernels)
    for name, weight, groups in [
        ("out_channels", (7, 2, 3, 3), 1),
        ("group_channels", (6, 3, 3, 3), 1),
        ("kernel_h", (6, 2, 2, 3), 1),
        ("kernel_w", (6, 2, 3, 4), 1),
        ("groups", (6, 2, 3, 3), 2),
    ]:
        panels = pack_array(normal(0, *weight), None, groups, kernels)
        with pytest.raises(ValueError, match=f"^panels: their {name} is not that of the shape$"):
            _winograd.PackedWinograd(shape, panels)
