"""NaN and infinities through Winograd convolution: which outputs they spoil, and which not."""

from itertools import pairwise

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.samples import normal

from alexnet_cy import ops
from alexnet_cy.engine.winograd import tile_cuts
from alexnet_cy.oracle import definitions

pytestmark = pytest.mark.usefixtures("isa")


VALUES = [np.nan, np.inf, -np.inf]


def winograd(x, weight, bias=None, **arguments):
    return ops.conv2d(x, weight, bias, algorithm="winograd", threads=1, **arguments)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("place", [(0, 0), (4, 3), (5, 6), (11, 12)])
@pytest.mark.parametrize("relu", [False, True])
def test_a_pixel_spoils_its_tiles_and_nothing_else(value, place, relu):
    """NaN wherever a window holds it, whatever else is NaN lies in the tiles that read it."""
    x, weight = normal(0, 3, 8, 12, 13), normal(1, 18, 4, 3, 3)
    arguments = {"padding": 1, "groups": 2, "relu": relu}
    clean = winograd(x, weight, **arguments)
    x[1, 2, place[0], place[1]] = value
    computed = winograd(x, weight, **arguments)
    tiles = np.zeros(computed.shape, bool)
    for top, bottom in pairwise(tile_cuts(12, 3)):
        for left, right in pairwise(tile_cuts(13, 3)):
            # the tile reads the pixels [top - 1, bottom + 1) of the image, as the padding is 1
            if top - 1 <= place[0] < bottom + 1 and left - 1 <= place[1] < right + 1:
                tiles[1, :9, top:bottom, left:right] = True
    windows = ~np.isfinite(definitions.conv2d(x, weight, **arguments | {"relu": False}))
    assert windows.any()
    assert np.isnan(computed[windows]).all()
    assert not (windows & ~tiles).any()
    assert_same_bits(np.where(tiles, 0, computed), np.where(tiles, 0, clean))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("argument", ["weight", "bias"])
@pytest.mark.parametrize("out_channel", [0, 8, 17])
def test_a_weight_or_bias_spoils_its_out_channel(argument, value, out_channel):
    x = normal(0, 2, 8, 9, 7)
    arguments = {"weight": normal(1, 18, 4, 3, 3), "bias": normal(2, 18)}
    clean = winograd(x, **arguments, padding=1, groups=2)
    arguments[argument][out_channel] = value
    computed = winograd(x, **arguments, padding=1, groups=2)
    assert not np.isfinite(computed[:, out_channel]).any()
    others = np.arange(18) != out_channel
    assert_same_bits(computed[:, others], clean[:, others])
