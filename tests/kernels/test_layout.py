"""The way between NCHW and NHWC, padding left alone."""

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy.engine.arrays import padded_nhwc
from alexnet_cy.kernels import _layout


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
    _layout.NhwcToNchw(inside, back).run(threads)
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("shape", [(2, 4, 5, 4), (1, 4, 5, 3), (2, 5, 4, 3), (2, 4, 4, 3)])
def test_another_shape_is_refused(shape):
    images, channels_last = np.zeros((2, 3, 4, 5), np.float32), np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match="y: shape does not match x"):
        _layout.nchw_to_nhwc(images, channels_last, 1)
    with pytest.raises(ValueError, match="x: shape does not match y"):
        _layout.NhwcToNchw(channels_last, images).run(1)


def test_channels_must_be_contiguous():
    images = np.zeros((2, 3, 4, 5), np.float32)
    gaps = np.zeros((2, 4, 5, 6), np.float32)[..., ::2]
    with pytest.raises(ValueError, match="y: channels must be contiguous"):
        _layout.nchw_to_nhwc(images, gaps, 1)
    with pytest.raises(ValueError, match="x: channels must be contiguous"):
        _layout.NhwcToNchw(gaps, images).run(1)


@pytest.mark.parametrize(
    "padding", [((0, 0), (0, 0)), ((2, 1), (0, 3)), ((0, 2), (3, 0)), ((4, 5), (2, 2))]
)
@pytest.mark.parametrize("threads", [1, 2, 64])
def test_padding_is_cleared_and_nothing_else(padding, threads):
    whole = normal(0, 2, 9, 6, 5)
    (top, bottom), (left, right) = padding
    inside = np.s_[:, top : 9 - bottom, left : 6 - right]
    expected = np.zeros_like(whole)
    expected[inside] = whole[inside]
    _layout.ClearPadding(whole, padding).run(threads)
    np.testing.assert_array_equal(whole, expected)


@pytest.mark.parametrize("padding", [((5, 5), (0, 0)), ((0, 0), (3, 4)), ((-1, 0), (0, 0))])
def test_padding_that_does_not_fit_is_refused(padding):
    with pytest.raises(ValueError, match=r"padding: .* does not fit into 9 x 6"):
        _layout.ClearPadding(normal(0, 2, 9, 6, 5), padding)


@pytest.mark.parametrize("block", [(1, 1), (4, 4), (2, 5)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 3), (6, 2)])
@pytest.mark.parametrize("channels", [(0, 1, 2), (2, 1, 0)])
def test_pixels_are_looked_up_and_laid_out(block, padding, channels):
    """As the same images in floats are; what lies outside, on any side, is zero."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 13, 11, 3), np.uint8)
    table = normal(1, 3, 256)
    images = np.stack([table[c][pixels[..., channels[c]]] for c in range(3)], axis=1)
    for rows, columns in ((2, 2), (6, 5), (20, 17)):
        shape = (2, rows, columns, 3 * block[0] * block[1])
        expected, y = np.empty(shape, np.float32), np.full(shape, np.nan, np.float32)
        _layout.space_to_depth(np.ascontiguousarray(images), expected, block, padding, 1)
        _layout.pixels_to_depth(pixels, channels, table, y, block, padding, 2)
        np.testing.assert_array_equal(y, expected)


def test_pixels_that_do_not_fit_are_refused():
    pixels, table = np.zeros((1, 8, 8, 3), np.uint8), np.zeros((3, 256), np.float32)
    y = np.empty((1, 4, 4, 12), np.float32)

    def lay_out(x=pixels, channels=(0, 1, 2), table=table, y=y):
        _layout.pixels_to_depth(x, channels, table, y, (2, 2), (0, 0), 1)

    lay_out()
    with pytest.raises(ValueError, match="y: shape does not match x"):
        lay_out(y=y[:, :, :, :11].copy())
    with pytest.raises(ValueError, match=r"x, table: need shapes \(N, H, W, 3\) and \(3, 256\)"):
        lay_out(table=table[:, :255].copy())
    with pytest.raises(ValueError, match=r"x, table: need shapes"):
        lay_out(x=np.zeros((1, 8, 8, 4), np.uint8))
    with pytest.raises(ValueError, match=r"channels: need three of 0, 1, 2, got \(0, 1, 3\)"):
        lay_out(channels=(0, 1, 3))
