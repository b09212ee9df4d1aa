"""The matrices of Winograd's algorithm, exactly, and the cuts into tiles without waste."""

from fractions import Fraction
from math import prod

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy.engine.packed.winograd_packing import blocked_weight
from alexnet_cy.engine.winograd import (
    LARGEST_KERNEL,
    MAX_POINTS,
    block_taps,
    cut_into_tiles,
    first_point,
    input_coefficients,
    input_matrix,
    kernel_matrix,
    largest_tile,
    output_coefficients,
    output_matrix,
    tile_cuts,
)
from alexnet_cy.kernels.convolution._winograd import WinogradShape

TAPS = range(1, LARGEST_KERNEL + 1)
TILES = [(m, r) for r in TAPS for m in range(1, largest_tile(r) + 1)]


def exactly(matrix):
    return [[Fraction(float(entry)) for entry in row] for row in matrix]


def finite_points(taps):
    """The finite points, which A^T of the largest tile shows in its second row."""
    largest = largest_tile(taps)
    return [] if largest == 1 else exactly(output_matrix(largest, taps))[1][1:]


def exact_kernel_matrix(taps):
    """G in fractions, infinity first; -p has the scale of p."""
    points = finite_points(taps)
    scales = [prod(abs(p) - q for q in points if q != abs(p)) for p in points]
    rows = [[p**k / scale for k in range(taps)] for p, scale in zip(points, scales, strict=True)]
    return [[Fraction(0)] * (taps - 1) + [Fraction(1)], *rows]


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_the_matrices_compute_a_correlation(outputs, taps):
    """sum over p of A^T[o, p] G[p, k] B^T[p, i] is 1 where i = o + k, and 0 elsewhere.

    A^T and B^T are taken as they are in float32: no entry of theirs has been rounded.
    """
    a_t, b_t = exactly(output_matrix(outputs, taps)), exactly(input_matrix(outputs, taps))
    points = range(outputs + taps - 1)
    first = first_point(outputs, taps)
    g = exact_kernel_matrix(taps)[first : first + len(points)]
    for o in range(outputs):
        for k in range(taps):
            for i in points:
                assert sum(a_t[o][p] * g[p][k] * b_t[p][i] for p in points) == (i == o + k)


@pytest.mark.parametrize("taps", TAPS)
def test_transformed_kernels_are_rounded_once(taps):
    expected = [[float(entry) for entry in row] for row in exact_kernel_matrix(taps)]
    np.testing.assert_array_equal(kernel_matrix(taps), expected)


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_points_are_symmetric_as_the_transforms_take_them(outputs, taps):
    """Single points first, then p and -p, of which B^T and A^T differ in signs alone."""
    b_t, a_t = input_matrix(outputs, taps), output_matrix(outputs, taps)
    points = len(b_t)
    singles = points % 2 if points < MAX_POINTS else 2
    odd_columns, odd_rows = (-1.0) ** np.arange(points), (-1.0) ** np.arange(outputs)
    np.testing.assert_array_equal(b_t[singles + 1 :: 2], b_t[singles::2] * odd_columns)
    np.testing.assert_array_equal(a_t[:, singles + 1 :: 2].T, a_t[:, singles::2].T * odd_rows)
    for i in range(singles):  # the last single row has even columns only, one before it odd ones
        assert not b_t[i, (singles - i) % 2 :: 2].any()


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_tiles_take_neighbours_among_the_points(outputs, taps):
    points, first = outputs + taps - 1, first_point(outputs, taps)
    assert 0 <= first <= first + points <= len(kernel_matrix(taps))
    if outputs > 1:
        has_infinity = first == 0
        scales, powers = (row[has_infinity:] for row in exactly(output_matrix(outputs, taps))[:2])
        place = first - 1 + has_infinity
        if outputs > 2:  # in a row of two the entry of infinity is 1 as well
            taken = [power / scale for power, scale in zip(powers, scales, strict=True)]
            assert taken == finite_points(taps)[place : place + points - has_infinity]


def multiplied(left, right):
    """The product of two polynomials, whose coefficients come the lowest first."""
    product = [Fraction(0)] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            product[i + j] += a * b
    return product


def in_squares(coefficients):
    """Q(x^2) for the coefficients of Q, the highest one, 1, left out."""
    spread = [Fraction(0)] * (2 * len(coefficients) + 1)
    spread[:-1:2] = coefficients
    return [*spread[:-1], Fraction(1)]


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_the_coefficients_make_the_input_matrix(outputs, taps):
    """As the kernels multiply them out; src/kernels/winograd_transforms.h has the formulas."""
    points = outputs + taps - 1
    singles = 2 if points == MAX_POINTS else points % 2
    has_infinity = first_point(outputs, taps) == 0 and singles > 0
    zero = singles > has_infinity
    pairs = (points - singles) // 2
    (coefficients,) = exactly([input_coefficients(outputs, taps)])
    root = [Fraction(0), Fraction(1)] if zero else [Fraction(1)]
    rows = []
    if has_infinity:
        rows.append(multiplied(root, in_squares(coefficients[:pairs])))
    if zero:
        rows.append(in_squares(coefficients[:pairs]))
    for i in range(pairs):
        p, *of_pair = coefficients[pairs + i * pairs : pairs + (i + 1) * pairs]
        shared = multiplied(root, in_squares(of_pair))
        rows.append(multiplied([p, Fraction(1)], shared))
        rows.append(multiplied([-p, Fraction(1)] if zero else [p, Fraction(-1)], shared))
    padded = [row + [Fraction(0)] * (points - len(row)) for row in rows]
    assert padded == exactly(input_matrix(outputs, taps))


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_the_coefficients_make_the_output_matrix(outputs, taps):
    points = outputs + taps - 1
    singles = 2 if points == MAX_POINTS else points % 2
    has_infinity = first_point(outputs, taps) == 0 and singles > 0
    of_zero, *of_pairs = output_coefficients(outputs, taps)
    matrix = np.zeros((outputs, points), np.float32)
    if has_infinity:
        matrix[-1, 0] = 1
    if singles > has_infinity:
        matrix[0, singles - 1] = of_zero
    else:
        assert of_zero == 0
    first_points = np.reshape(of_pairs, (outputs, (points - singles) // 2))
    matrix[:, singles::2] = first_points
    matrix[:, singles + 1 :: 2] = first_points * (-1) ** np.arange(outputs)[:, np.newaxis]
    np.testing.assert_array_equal(matrix, output_matrix(outputs, taps))


@pytest.mark.parametrize(("outputs", "taps"), TILES)
def test_what_the_kernels_take(outputs, taps):
    points = outputs + taps - 1
    for matrix, dtype, shape in (
        (input_matrix(outputs, taps), np.float32, (points, points)),
        (output_matrix(outputs, taps), np.float32, (outputs, points)),
        (kernel_matrix(taps), np.float64, (largest_tile(taps) + taps - 1, taps)),
    ):
        assert matrix.dtype == dtype
        assert matrix.shape == shape
        assert matrix.flags.c_contiguous


def test_a_single_tap_is_the_identity():
    for matrix in input_matrix(1, 1), output_matrix(1, 1), kernel_matrix(1):
        np.testing.assert_array_equal(matrix, [[1]])


def test_the_largest_tiles():
    assert [largest_tile(taps) for taps in TAPS] == [1, 6, 5, 4, 4, 2]
    assert all(largest_tile(taps) + taps - 1 <= MAX_POINTS for taps in TAPS)


def test_the_most_points_are_those_of_the_kernels(repository, kernels):
    header = (repository / "src" / "kernels.h").read_text()
    assert f"#define ACY_WINOGRAD_POINTS {MAX_POINTS}\n" in header
    one_more = np.ones((MAX_POINTS + 1, 3), np.float32)
    with pytest.raises(ValueError, match=f"^kernel_matrices: at most {MAX_POINTS} points are "):
        WinogradShape(4, 2, 1, (one_more,) * 2, ([], []), kernels)


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
