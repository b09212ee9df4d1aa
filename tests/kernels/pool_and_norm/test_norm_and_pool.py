"""Normalisation and max pooling in one pass: the bits of one after the other."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.samples import around, normal

from alexnet_cy.kernels import _lrn, _pool

WINDOWS = [
    ((3, 3), (2, 2), (0, 0)),
    ((3, 2), (1, 3), (1, 1)),
    ((1, 1), (2, 1), (0, 0)),
    ((2, 5), (4, 2), (0, 2)),  # rows between the windows are not needed
]


def one_after_the_other(kernels, x, shape, norm, window):
    normed, y = np.empty_like(x), np.empty(shape, np.float32)
    _lrn.LocalResponseNorm(kernels, x, normed, *norm).run(1)
    _pool.MaxPool2d(kernels, normed, y, *window).run(1)
    return y


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("channels", around(8, 16, 96))
def test_the_same_bits_as_one_after_the_other(kernels, window, channels):
    norm = (5, 0.5, 0.75, 2.0)
    rows, columns = 4, 3
    for images in (1, 2, 3):
        x, shape = normal(0, images, 13, 9, channels), (images, rows, columns, channels)
        expected = one_after_the_other(kernels, x, shape, norm, window)
        for threads in (1, 2, 3, 8):
            y = np.full(shape, np.nan, np.float32)
            _lrn.NormAndPool(kernels, x, y, norm, *window).run(threads)
            assert_same_bits(y, expected)


def test_gaps_between_rows_and_pixels_stay_as_they_are(kernels):
    norm, window = (3, 0.1, 0.6, 1.0), ((3, 3), (2, 2), (0, 0))
    x, whole = normal(0, 2, 7, 7, 16)[:, :, 1:6, 3:14], np.full((2, 5, 6, 15), 7, np.float32)
    y = whole[:, 1:4, 2:4, :11]
    _lrn.NormAndPool(kernels, x, y, norm, *window).run(2)
    expected = one_after_the_other(kernels, np.ascontiguousarray(x), y.shape, norm, window)
    assert_same_bits(np.ascontiguousarray(y), expected)
    y[...] = 7
    assert (whole == 7).all()


def test_nan_reaches_the_windows_it_is_in(kernels):
    x = normal(0, 1, 5, 5, 8)
    x[0, 2, 2, 4] = np.nan
    y = np.empty((1, 2, 2, 8), np.float32)
    _lrn.NormAndPool(kernels, x, y, (1, 1.0, 0.75, 1.0), (3, 3), (2, 2), (0, 0)).run(1)
    assert np.isnan(y[..., 4]).all()
    assert not np.isnan(np.delete(y, 4, axis=3)).any()


def test_nothing_at_all(kernels):
    for shape in (0, 2, 2, 3), (1, 2, 2, 0):
        x = np.empty((shape[0], 5, 5, shape[3]), np.float32)
        y = np.empty(shape, np.float32)
        _lrn.NormAndPool(kernels, x, y, (5, 1.0, 0.75, 1.0), (3, 3), (2, 2), (0, 0)).run(2)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (normal(0, 2, 5, 5, 3), np.zeros((1, 2, 2, 3), "f4"), "x, y: images or channels differ"),
        (normal(0, 2, 5, 5, 3), np.zeros((2, 2, 2, 4), "f4"), "x, y: images or channels differ"),
        (
            normal(0, 2, 5, 5, 6)[..., ::2],
            np.zeros((2, 2, 2, 3), "f4"),
            "x, y: channels must be contiguous",
        ),
    ],
)
def test_what_does_not_fit_is_refused(kernels, x, y, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        _lrn.NormAndPool(kernels, x, y, (5, 1.0, 0.75, 1.0), (3, 3), (2, 2), (0, 0)).run(1)
