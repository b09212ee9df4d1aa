"""The matrices of Winograd's algorithm, exactly, and the cuts into tiles without waste."""

from fractions import Fraction
from math import prod

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy._winograd import PackedWinograd
from alexnet_cy.engine.winograd import (
    LARGEST_KERNEL,
    MAX_POINTS,
    block_taps,
    blocked_weight,
    cut_into_tiles,
    input_matrix,
    kernel_matrix,
    largest_tile,
    output_matrix,
    tile_cuts,
)

TAPS = range(1, LARGEST_KERNEL + 1)
TILES = [(m, r) for r in TAPS for m in range(1, largest_tile(r) + 1)]


def exactly(matrix):
    return [[Fraction(float(entry)) for entry in row] for row in matrix]


def exact_kernel_matrix(taps):
    """G in fractions, from the points that A^T of the largest tile shows in its second row."""
    if taps == 1:
        return [[Fraction(1)]] * MAX_POINTS
    points = exactly(output_matrix(largest_tile(taps), taps))[1][1:]
    scales = [prod(p - q for q in points if q != p) for p in points]
    rows = [[p**k / scale for k in range(taps)] for p, scale in zip(points, scales, strict=True)]
    return [[Fraction(0)] * (taps - 1) + [Fraction(1)], *rows]


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_the_matrices_compute_a_correlation(outputs, taps):
    """sum over p of A^T[o, p] G[p, k] B^T[p, i] is 1 where i = o + k, and 0 elsewhere.

    A^T and B^T are taken as they are in float32: no entry of theirs has been rounded.
    """
    a_t, b_t = exactly(output_matrix(outputs, taps)), exactly(input_matrix(outputs, taps))
    g = exact_kernel_matrix(taps)
    points = range(outputs + taps - 1)
    for o in range(outputs):
        for k in range(taps):
            for i in points:
                assert sum(a_t[o][p] * g[p][k] * b_t[p][i] for p in points) == (i == o + k)


@pytest.mark.parametrize("taps", TAPS)
def test_transformed_kernels_are_rounded_once(taps):
    points = largest_tile(taps) + taps - 1
    expected = [[float(entry) for entry in row] for row in exact_kernel_matrix(taps)]
    np.testing.assert_array_equal(kernel_matrix(taps, points), expected)


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_tiles_of_all_sizes_share_the_transformed_kernels(outputs, taps):
    points = outputs + taps - 1
    whole = kernel_matrix(taps, largest_tile(taps) + taps - 1)
    np.testing.assert_array_equal(kernel_matrix(taps, points), whole[:points])


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_what_the_kernels_take(outputs, taps):
    points = outputs + taps - 1
    for matrix, dtype, shape in (
        (input_matrix(outputs, taps), np.float32, (points, points)),
        (output_matrix(outputs, taps), np.float32, (outputs, points)),
        (kernel_matrix(taps, points), np.float64, (points, taps)),
    ):
        assert matrix.dtype == dtype
        assert matrix.shape == shape
        assert matrix.flags.c_contiguous


def test_a_single_tap_is_the_identity():
    for outputs in range(1, MAX_POINTS + 1):
        np.testing.assert_array_equal(input_matrix(outputs, 1), np.eye(outputs))
        np.testing.assert_array_equal(output_matrix(outputs, 1), np.eye(outputs))
        np.testing.assert_array_equal(kernel_matrix(1, outputs), np.ones((outputs, 1)))


def test_the_largest_tiles():
    assert [largest_tile(taps) for taps in TAPS] == [8, 6, 5, 4, 4, 2]
    assert all(largest_tile(taps) + taps - 1 <= MAX_POINTS for taps in TAPS)


def test_the_most_points_are_those_of_the_kernels(repository, kernels):
    header = (repository / "src" / "kernels.h").read_text()
    assert f"#define ACY_WINOGRAD_POINTS {MAX_POINTS}\n" in header
    one_more = np.ones((MAX_POINTS + 1, 3))
    with pytest.raises(ValueError, match=f"^kernel_matrices: at most {MAX_POINTS} points are "):
        PackedWinograd(normal(0, 4, 2, 3, 3), None, 1, (one_more,) * 2, ([], []), kernels, 1)


@pytest.mark.parametrize("taps", TAPS)
def test_cuts_cover_an_axis_in_few_tiles_of_about_one_size(taps):
    for length in range(1, 101):
        tiles = cut_into_tiles(length, taps)
        assert sum(tiles) == length
        assert len(tiles) == -(-length // largest_tile(taps))
        assert 1 <= min(tiles) <= max(tiles) <= largest_tile(taps)
        assert max(tiles) - min(tiles) <= 1
        assert tiles == sorted(tiles, reverse=True)
        cuts = tile_cuts(length, taps)
        assert cuts.dtype == np.intp
        assert (cuts[0], cuts[-1]) == (0, length)
        np.testing.assert_array_equal(np.diff(cuts), tiles)


def test_the_cuts_of_alexnet():
    assert cut_into_tiles(55, 3) == [5] * 11
    assert cut_into_tiles(27, 5) == [4] * 6 + [3]
    assert cut_into_tiles(13, 3) == [5, 4, 4]


@pytest.mark.parametrize(
    ("kernel", "stride", "taps"),
    [
        ((11, 11), (4, 4), (3, 3)),
        ((3, 3), (1, 1), (3, 3)),
        ((5, 4), (2, 3), (3, 2)),
        ((1, 7), (3, 2), (1, 4)),
    ],
)
def test_a_kernel_over_blocks(kernel, stride, taps):
    """Every weight in its place, by the definition, and zeros where the kernel has ended."""
    assert block_taps(kernel, stride) == taps
    weight = normal(0, 2, 3, *kernel)
    blocked = blocked_weight(weight, stride)
    assert blocked.shape == (2, 3 * stride[0] * stride[1], *taps)
    assert blocked.flags.c_contiguous
    expected = np.zeros_like(blocked)
    for o, c, y, x in np.ndindex(weight.shape):
        (r, dy), (s, dx) = divmod(y, stride[0]), divmod(x, stride[1])
        expected[o, (dy * stride[1] + dx) * 3 + c, r, s] = weight[o, c, y, x]
    np.testing.assert_array_equal(blocked, expected)
