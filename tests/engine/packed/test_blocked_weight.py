"""Convolutions with a stride as convolutions of stride 1 over blocks."""

import numpy as np
import pytest
from support.samples import normal, small_integers

from alexnet_cy.engine.packed.winograd_packing import blocked_weight
from alexnet_cy.engine.winograd import block_taps
from alexnet_cy.kernels import _layout
from alexnet_cy.oracle import definitions


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
