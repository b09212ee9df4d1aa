"""The matrices of Winograd's algorithm: exact identities, nested points, cuts without waste."""

import numpy as np
import pytest
from support.samples import normal, small_integers

from alexnet_cy import _layout, definitions
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

KERNELS = range(1, LARGEST_KERNEL + 1)


@pytest.mark.parametrize("kernel_size", KERNELS)
def test_the_matrices_compute_a_correlation(kernel_size):
    for outputs in range(1, largest_tile(kernel_size) + 1):
        points = outputs + kernel_size - 1
        d, g = normal(outputs, points).astype(float), normal(kernel_size, kernel_size).astype(float)
        a_t, b_t = output_matrix(outputs, kernel_size), input_matrix(outputs, kernel_size)
        assert a_t.shape == (outputs, points)
        assert b_t.shape == (points, points)
        y = a_t @ ((kernel_matrix(kernel_size, points) @ g) * (b_t @ d))
        # the entries of B^T are fractions, rounded to float32
        np.testing.assert_allclose(y, np.correlate(d, g), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kernel_size", KERNELS)
def test_tiles_of_all_sizes_share_the_transformed_weights(kernel_size):
    largest = largest_tile(kernel_size) + kernel_size - 1
    assert largest <= MAX_POINTS
    assert largest_tile(kernel_size) >= 2
    whole = kernel_matrix(kernel_size, largest)
    for points in range(kernel_size, largest):
        np.testing.assert_array_equal(kernel_matrix(kernel_size, points), whole[:points])


@pytest.mark.parametrize("kernel_size", KERNELS)
def test_cuts_cover_an_axis_with_as_few_tiles_as_possible(kernel_size):
    largest = largest_tile(kernel_size)
    for length in range(1, 60):
        tiles = cut_into_tiles(length, kernel_size)
        assert sum(tiles) == length
        assert len(tiles) == -(-length // largest)
        assert max(tiles) - min(tiles) <= 1
        cuts = tile_cuts(length, kernel_size)
        assert (cuts[0], cuts[-1]) == (0, length)
        np.testing.assert_array_equal(np.diff(cuts), tiles)


def test_the_cuts_of_alexnet():
    assert cut_into_tiles(55, 3) == 11 * [5]
    assert cut_into_tiles(13, 3) == [5, 4, 4]
    assert cut_into_tiles(27, 5) == 6 * [4] + [3]


@pytest.mark.parametrize(
    ("kernel", "stride", "taps"),
    [((11, 11), (4, 4), (3, 3)), ((3, 3), (1, 1), (3, 3)), ((3, 2), (2, 5), (2, 1))],
)
def test_a_stride_becomes_blocks_of_channels(kernel, stride, taps):
    """The convolution with a stride and the one of stride 1 over blocks are the same sums."""
    assert block_taps(kernel, stride) == taps
    x, weight = small_integers(0, 2, 3, 29, 23), small_integers(1, 5, 3, *kernel)
    expected = definitions.conv2d(x, weight, stride=stride, padding=((1, 1), (0, 1)))
    size = tuple(n + r - 1 for n, r in zip(expected.shape[2:], taps, strict=True))
    blocks = np.full((2, *size, 3 * stride[0] * stride[1]), np.nan, np.float32)
    _layout.space_to_depth(x, blocks, stride, (1, 0), 2)
    y = definitions.conv2d(blocks.transpose(0, 3, 1, 2), blocked_weight(weight, stride))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("shape", [(1, 4, 4, 12), (2, 4, 4, 11)])
def test_blocks_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="y: shape does not match x"):
        _layout.space_to_depth(
            normal(0, 2, 3, 8, 8), np.empty(shape, np.float32), (2, 2), (0, 0), 1
        )
