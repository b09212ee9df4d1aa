"""The comparison of features pixel by pixel: accuracy, symmetry, and what does not fit."""

import numpy as np
import pytest
from support.closeness import UNIT_ROUNDOFF, assert_same_bits
from support.samples import normal

from alexnet_cy.kernels._unit_distance import UnitDistance
from alexnet_cy.oracle.perceptual import unit_distance

EPSILON = 1e-10


def features(seed, n_images, channels, height=3, width=5):
    """Values after a ReLU, NHWC, with some pixels where there are none."""
    x = np.maximum(normal(seed, n_images, height, width, channels), 0)
    x[:, 0, 0] = 0
    return x


def compare(kernels, a, b, weight, threads=1):
    distance = np.full(b.shape[:3], np.nan, np.float32)
    UnitDistance(kernels, a, b, weight, EPSILON, distance).run(threads)
    return distance


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 64, 192, 384])
def test_against_the_definition(kernels, channels):
    a, b = features(channels, 2, channels), features(channels + 1, 2, channels)
    weight = np.abs(normal(2, channels))
    computed = compare(kernels, a, b, weight)
    exact, magnitude = (
        unit_distance(a.transpose(0, 3, 1, 2), sign * b.transpose(0, 3, 1, 2), weight, EPSILON)
        for sign in (1, -1)
    )
    bound = 8 * np.sqrt(channels + 2) * UNIT_ROUNDOFF * np.maximum(exact, magnitude)
    assert (np.abs(computed - exact) <= bound).all()


@pytest.mark.parametrize("channels", [3, 16, 20, 64])
def test_symmetric_to_the_bit_and_zero_for_equal_images(kernels, channels):
    a, b = features(0, 3, channels), features(1, 3, channels)
    weight = np.abs(normal(2, channels))
    assert_same_bits(compare(kernels, a, b, weight), compare(kernels, b, a, weight))
    assert_same_bits(compare(kernels, a, a, weight), np.zeros((3, 3, 5), np.float32))


def test_threads_and_company_do_not_matter(kernels):
    a, b, weight = features(0, 5, 64), features(1, 5, 64), np.abs(normal(2, 64))
    together = compare(kernels, a, b, weight)
    for threads in range(2, 9):
        assert_same_bits(compare(kernels, a, b, weight, threads), together)
    for i in range(5):
        part = slice(i, i + 1)
        assert_same_bits(compare(kernels, a[part], b[part], weight), together[part])


def test_one_image_with_many(kernels):
    a, b, weight = features(0, 1, 20), features(1, 4, 20), np.abs(normal(2, 20))
    expected = compare(kernels, np.repeat(a, 4, axis=0), b, weight)
    assert_same_bits(compare(kernels, a, b, weight), expected)


def test_parts_of_larger_arrays(kernels):
    a, b, weight = features(0, 2, 20, 8, 9), features(1, 2, 20, 8, 9), np.abs(normal(2, 20))
    whole = compare(kernels, a, b, weight)
    part = (slice(None), slice(2, 7), slice(1, 8))
    assert_same_bits(compare(kernels, a[part], b[part], weight), whole[part])


def test_nan_stays_at_its_pixel(kernels):
    a, b, weight = features(0, 1, 20), features(1, 1, 20), np.abs(normal(2, 20))
    a[0, 1, 2, 19] = np.nan
    expected = np.zeros((1, 3, 5), bool)
    expected[0, 1, 2] = True
    np.testing.assert_array_equal(np.isnan(compare(kernels, a, b, weight)), expected)


@pytest.mark.parametrize(
    ("a", "b", "weight", "distance", "message"),
    [
        ((2, 4, 4, 3), (3, 4, 4, 3), 3, (3, 4, 4), "a, b: numbers of images differ"),
        ((2, 4, 5, 3), (2, 4, 4, 3), 3, (2, 4, 4), "a, b: shapes differ"),
        ((2, 4, 4, 5), (2, 4, 4, 3), 3, (2, 4, 4), "a, b: shapes differ"),
        ((2, 4, 4, 3), (2, 4, 4, 3), 4, (2, 4, 4), "weight: need one for each channel"),
        ((2, 4, 4, 3), (2, 4, 4, 3), 3, (2, 4, 3), "distance: not of the shape of b"),
    ],
)
def test_what_does_not_fit(kernels, a, b, weight, distance, message):
    a, b, weight, distance = (np.zeros(shape, np.float32) for shape in (a, b, weight, distance))
    with pytest.raises(ValueError, match=f"^{message}$"):
        UnitDistance(kernels, a, b, weight, EPSILON, distance)


def test_channels_must_be_contiguous(kernels):
    gaps = np.zeros((1, 2, 2, 3, 2), np.float32)[..., 0]
    with pytest.raises(ValueError, match="channels must be contiguous"):
        UnitDistance(
            kernels, gaps, gaps, np.zeros(3, np.float32), 0.1, np.zeros((1, 2, 2), np.float32)
        )
