"""The matrices of Winograd's convolution, and how an image is cut into its tiles.

One dimension: m outputs y[i] = sum over k of g[k] * d[i + k] of a kernel with r taps, as

    y = A^T [(G g) * (B^T d)],     d of length n = m + r - 1.

Read backwards (transposed), that is the product of two polynomials with m and r coefficients by
evaluation at n points, multiplication point by point, and interpolation (Toom-Cook; Winograd 1980;
Lavin & Gray, arXiv 1509.09308). With n - 1 finite points p and infinity, and l_p(x) the product of
(x - q) over the finite points q other than p:

    A^T  column of p: (1, p, ..., p^(m-1)) times         column of infinity: 0, ..., 0, 1
         L_p(p) / l_p(p)
    G    row of p: (1, p, ..., p^(r-1)) / L_p(p)         row of infinity: 0, ..., 0, 1
    B^T  row of p: the coefficients of l_p(x)            row of infinity: the coefficients of the
         (its last entry is 0)                           product of (x - p) over all finite p

Tiles of several sizes share one set of transformed weights if a small tile takes some of the points
of a large one. So G must not depend on m. Hence L_p above is l_p of the largest tile, and A^T of a
smaller tile makes up for it by L_p(p) / l_p(p), the product of (p - q) over the points q that it
does not take. All points are whole multiples of powers of 1/2, so A^T and B^T are exact in float32,
and L_p(p) is exact in double, in which all of this is computed. G alone has fractions such as 1/3:
they are rounded to float32, in which the weights are transformed.

The finite points of every tile are symmetric about zero: pairs p, -p, and perhaps zero. Then
l_{-p}(x) is l_p(-x) but for its sign (which B^T keeps: -p has the scale of p), so that the two rows
of B^T differ in the signs of the odd columns alone, and the two columns of A^T in those of the odd
rows: the transforms share half of their work. What is more, l_p(x) is (x + p) times a polynomial in
x^2, so that the even columns of B^T have the coefficients of the odd ones, times p. The kernels
(src/kernels/winograd_transforms.h) take these coefficients instead of the matrices. Hence the order
of the points: infinity, zero where it is taken at all, pairs; a tile of an even number of points
leaves the first of them out, and one of an odd number takes a single one, so that it takes
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.network.windows import Pair

__all__ = [
    "LARGEST_KERNEL",
    "MAX_POINTS",
    "block_taps",
    "cut_into_tiles",
    "first_point",
    "input_coefficients",
    "input_matrix",
    "kernel_matrix",
    "largest_tile",
    "output_coefficients",
    "output_matrix",
    "tile_cuts",
    "tile_points",
]

# Points of a transform, infinity included: ACY_WINOGRAD_POINTS of src/kernels.h. The error grows
# exponentially with them (Barabasz et al., arXiv 1803.10986).
MAX_POINTS = 8

# The positive points of the pairs, in the order in which tiles take them; chosen by their float32
# error. With seven points these three pairs and infinity make half the error of 0, 1, -1, 1/2, -2,
# 2 and infinity. Five taps take eight points, zero too: F(4, 5) needs a quarter fewer products for
# 27 outputs than F(3, 5), and its error, 1.8 times as large, is still that of the other layers. The
# search is described in docs/numerics.md.
_PAIRS_OF_SEVEN = (5 / 16, 7 / 4, 7 / 8)
_PAIRS_OF_EIGHT = (1.0, 2.0, 1 / 2)

# A zero times a negative number is -0.0; adding this makes it 0.0 and changes nothing else.
_NO_NEGATIVE_ZERO = 0.0

# Kernels with more taps would leave tiles of fewer than two outputs.
LARGEST_KERNEL = 6


def largest_tile(kernel_size: int) -> int:
    """Return the outputs along one axis of the largest tile for a kernel of so many taps.

    5 for 3 taps and 4 for 5 taps: F(5, 3) and F(4, 5). A single tap needs a product for every
    output whatever the tile, and takes infinity alone: there all three matrices are [[1]].
    """
    return _n_points(kernel_size) + 1 - kernel_size


def _n_points(kernel_size: int) -> int:
    return {1: 1, 5: 8}.get(kernel_size, 7)


def _n_singles(points: int) -> int:
    """Return how many of a tile's points are not in pairs, as WINOGRAD_SINGLES has it."""
    return 2 if points == MAX_POINTS else points % 2


def _finite_points(kernel_size: int) -> list[float]:
    """Return the finite points, zero first where it is one."""
    if kernel_size == 1:
        return []
    zero, pairs = ([0.0], _PAIRS_OF_EIGHT) if kernel_size == 5 else ([], _PAIRS_OF_SEVEN)
    return zero + [point for p in pairs for point in (p, -p)]


def first_point(outputs: int, kernel_size: int) -> int:
    """Return the place of a tile's first point among all points; the others follow it."""
    return _n_singles(_n_points(kernel_size)) - _n_singles(outputs + kernel_size - 1)


def tile_points(outputs: int, kernel_size: int) -> tuple[bool, list[float]]:
    """Return whether a tile takes infinity, and the finite points that it takes."""
    first = first_point(outputs, kernel_size)
    end = first + outputs + kernel_size - 1  # infinity is the point before the finite ones
    return first == 0, _finite_points(kernel_size)[max(first - 1, 0) : end - 1]


def cut_into_tiles(length: int, kernel_size: int) -> list[int]:
    """Cut an axis of the output into as few tiles as possible, of about equal size.

    55 is eleven times 5 and 13 is 5 + 4 + 4 for 3 taps; 27 is six times 4 and 3 for 5 taps: no
    output is computed that is not there, and nothing is read beyond the input.

    Parameters
    ----------
    length : int
        Outputs along the axis, at least 1.
    kernel_size : int
        Taps along the axis.

    Returns
    -------
    list of int
        The outputs of each tile, the larger ones first.
    """
    n_tiles = -(-length // largest_tile(kernel_size))
    small, larger = divmod(length, n_tiles)
    return [small + 1] * larger + [small] * (n_tiles - larger)


@cache
def kernel_matrix(kernel_size: int) -> NDArray[np.float64]:
    """Return G for all points, infinity first, shape (points, kernel_size)."""
    finite = _finite_points(kernel_size)
    rows = [[0.0] * (kernel_size - 1) + [1.0]]
    for p in finite:
        # -p has the scale of p: so rows of B^T differ in the signs of their odd columns alone
        scale = _scale(abs(p), finite)
        rows.append([p**k / scale for k in range(kernel_size)])
    return np.array(rows) + _NO_NEGATIVE_ZERO


@cache
def output_matrix(outputs: int, kernel_size: int) -> NDArray[np.float32]:
    """Return A^T, shape (outputs, points), for the tile's points in their order."""
    has_infinity, finite = tile_points(outputs, kernel_size)
    columns = [[0.0] * (outputs - 1) + [1.0]] if has_infinity else []
    largest = _finite_points(kernel_size)
    for p in finite:
        # both products are exact, and so is the quotient
        scale = _scale(abs(p), largest) / _scale(abs(p), finite)
        columns.append([scale * p**i for i in range(outputs)])
    matrix = np.array(columns).T + _NO_NEGATIVE_ZERO
    return np.ascontiguousarray(matrix, np.float32)


@cache
def input_matrix(outputs: int, kernel_size: int) -> NDArray[np.float32]:
    """Return B^T, shape (points, points), for the tile's points in their order."""
    has_infinity, finite = tile_points(outputs, kernel_size)
    rows = [_product_of_roots(finite)] if has_infinity else []
    for p in finite:
        others = [q for q in finite if q != p]
        sign = _scale(abs(p), finite) / prod(p - q for q in others)  # 1 or -1: -p as p
        rows.append([sign * c for c in _product_of_roots(others)] + [0.0] * has_infinity)
    return (np.array(rows) + _NO_NEGATIVE_ZERO).astype(np.float32)


@cache
def input_coefficients(outputs: int, kernel_size: int) -> NDArray[np.float32]:
    """Return what B^T is made of, for the kernels.

    Returns
    -------
    ndarray of float32, shape (pairs + pairs * pairs,)
        The coefficients of R(t), the product of (t - p^2) over the tile's pairs, then for every
        pair p and those of R(t) / (t - p^2): the lowest first, all without the highest, a 1.
    """
    pairs = _pairs(tile_points(outputs, kernel_size)[1])
    coefficients = _product_of_roots(p * p for p in pairs)[:-1]
    for p in pairs:
        coefficients += [p, *_product_of_roots(q * q for q in pairs if q != p)[:-1]]
    return np.array(coefficients, np.float32)


@cache
def output_coefficients(outputs: int, kernel_size: int) -> NDArray[np.float32]:
    """Return what A^T is made of, for the kernels.

    Returns
    -------
    ndarray of float32, shape (1 + outputs * pairs,)
        The entry of zero in the first row (0 if it is not taken), then the entries of the first
        points of the pairs, row by row.
    """
    has_infinity, finite = tile_points(outputs, kernel_size)
    matrix = output_matrix(outputs, kernel_size)
    of_zero = matrix[0, int(has_infinity)] if 0.0 in finite else np.float32(0)
    first_of_pairs = matrix[:, _n_singles(outputs + kernel_size - 1) :: 2]
    return np.concatenate([[of_zero], first_of_pairs.ravel()]).astype(np.float32)


def _pairs(finite: list[float]) -> list[float]:
    """Return the first points of the pairs."""
    return [p for p in finite if p > 0]


def _scale(p: float, points: list[float]) -> float:
    """Return L_p(p)."""
    return prod(p - q for q in points if q != p)


def _product_of_roots(roots: Iterable[float]) -> list[float]:
    """Return the coefficients, lowest first, of the product of (x - root)."""
    coefficients = [1.0]
    for root in roots:
        shifted = [0.0, *coefficients]
        scaled = [-root * c for c in coefficients] + [0.0]
        coefficients = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


@cache
def tile_cuts(length: int, kernel_size: int) -> NDArray[np.intp]:
    """Return where the tiles along an axis begin, and at the end `length`."""
    return np.cumsum([0, *cut_into_tiles(length, kernel_size)], dtype=np.intp)


def block_taps(kernel_size: Pair, stride: Pair) -> Pair:
    """Return the taps of the kernel once the input is cut into blocks of the stride's size."""
    return -(-kernel_size[0] // stride[0]), -(-kernel_size[1] // stride[1])
