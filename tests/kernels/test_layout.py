"""The way between NCHW and NHWC, padding left alone."""

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy import _layout
from alexnet_cy.engine.arrays import padded_nhwc


@pytest.mark.parametrize("channels", [1, 3, 16, 17])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 4), (1, 33), (40, 3)])
@pytest.mark.parametrize("threads", [1, 3])
def test_there_and_back(channels, height, width, threads):
    x = normal(0, 3, channels, height, width)
    whole, inside = padded_nhwc(3, height, width, channels, ((2, 1), (0, 3)))
    whole[:] = 7
    _layout.nchw_to_nhwc(x, inside, threads)
    np.testing.assert_array_equal(inside, x.transpose(0, 2, 3, 1))
    outside = np.ones(whole.shape, bool)
    outside[:, 2 : 2 + height, :width] = False
    assert (whole[outside] == 7).all()
    back = np.empty_like(x)
    _layout.nhwc_to_nchw(inside, back, threads)
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("shape", [(2, 4, 5, 4), (1, 4, 5, 3), (2, 5, 4, 3), (2, 4, 4, 3)])
def test_another_shape_is_refused(shape):
    images, channels_last = np.zeros((2, 3, 4, 5), np.float32), np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match="y: shape does not match x"):
        _layout.nchw_to_nhwc(images, channels_last, 1)
    with pytest.raises(ValueError, match="x: shape does not match y"):
        _layout.nhwc_to_nchw(channels_last, images, 1)


def test_channels_must_be_contiguous():
    images = np.zeros((2, 3, 4, 5), np.float32)
    gaps = np.zeros((2, 4, 5, 6), np.float32)[..., ::2]
    with pytest.raises(ValueError, match="y: channels must be contiguous"):
        _layout.nchw_to_nhwc(images, gaps, 1)
    with pytest.raises(ValueError, match="x: channels must be contiguous"):
        _layout.nhwc_to_nchw(gaps, images, 1)
