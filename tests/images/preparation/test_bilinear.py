"""The two resizes against the libraries they follow and against exact interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alexnet_cy.images.bilinear import Region, opencv_bilinear
from alexnet_cy.images.pillow_bilinear import pillow_bilinear

SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (128, 128), (256, 256), (512, 512), (300, 411), (700, 90)]


def random_image(height: int, width: int) -> Image.Image:
    rng = np.random.default_rng(height * 1000 + width)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def whole(height: int, width: int) -> Region:
    return Region(0, 0, height, width)


def exact_bilinear(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Interpolation at (i + 1/2) * source / target - 1/2 in float64, edges repeated."""
    for axis, target in enumerate((height, width)):
        source = pixels.shape[axis]
        positions = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        low = np.floor(positions).astype(int)
        high = np.minimum(low + 1, source - 1)
        fraction = np.expand_dims(positions - low, tuple({0, 1, 2} - {axis}))
        pixels = pixels.take(low, axis) * (1 - fraction) + pixels.take(high, axis) * fraction
    return pixels


@pytest.mark.parametrize("target", [(256, 256), (227, 227), (60, 301)])
@pytest.mark.parametrize("size", SIZES)
def test_opencv_bilinear_is_opencvs(size, target):
    cv2 = pytest.importorskip("cv2")
    image = random_image(*size)
    height, width = target
    expected = cv2.resize(np.asarray(image), (width, height), interpolation=cv2.INTER_LINEAR)
    actual = opencv_bilinear(image, target, whole(*target))
    # Measured: no difference (OpenCV 4.14, x86-64). Its code for other processors may round
    # elsewhere, but not further than one level.
    assert np.abs(actual.astype(int) - expected).max() <= 1
    assert (actual != expected).mean() <= 0.05


@pytest.mark.parametrize("size", SIZES)
def test_opencv_bilinear_interpolates(size):
    image = random_image(*size)
    actual = opencv_bilinear(image, (256, 227), whole(256, 227))
    exact = exact_bilinear(np.asarray(image).astype(float), 256, 227)
    # In levels: 1/2 the final rounding, 2 * 1/4 dropped by >> 16, 1/128 dropped by >> 4, two
    # weights rounded by up to 1/4096, and float32 positions up to 700 (ulp 6e-5) in both axes.
    bound = 1 / 2 + 2 / 4 + 1 / 128 + 2 * 255 / 4096 + 2 * 255 * 3e-5
    assert np.abs(actual - exact).max() <= bound


def test_opencv_bilinear_of_the_same_size_is_the_image():
    pixels = np.random.default_rng(0).integers(0, 256, (23, 31, 3), np.uint8)
    region = Region(2, 5, 20, 9)
    resized = opencv_bilinear(Image.fromarray(pixels), (23, 31), region)
    np.testing.assert_array_equal(resized, pixels[2:22, 5:14])


@given(
    size=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    target=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    data=st.data(),
)
def test_opencv_bilinear_of_a_region_is_the_region_of_the_whole(size, target, data):
    image = random_image(*size)
    top = data.draw(st.integers(0, target[0] - 1))
    left = data.draw(st.integers(0, target[1] - 1))
    height = data.draw(st.integers(1, target[0] - top))
    width = data.draw(st.integers(1, target[1] - left))
    part = opencv_bilinear(image, target, Region(top, left, height, width))
    full = opencv_bilinear(image, target, whole(*target))
    np.testing.assert_array_equal(part, full[top : top + height, left : left + width])


@pytest.mark.parametrize("size", SIZES)
def test_pillow_bilinear_is_pillows(size):
    image = random_image(*size)
    expected = image.resize((227, 256), Image.Resampling.BILINEAR)
    parts = [Region(0, 0, 100, 227), Region(100, 0, 156, 227)]
    by_parts = np.concatenate([pillow_bilinear(image, (256, 227), part) for part in parts])
    np.testing.assert_array_equal(by_parts, np.asarray(expected))
    np.testing.assert_array_equal(pillow_bilinear(image, (256, 227), whole(256, 227)), by_parts)


@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    target=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    data=st.data(),
)
def test_pillow_bilinear_of_a_region_is_the_region_of_pillows(size, target, data):
    image = random_image(*size)
    top = data.draw(st.integers(0, target[0] - 1))
    left = data.draw(st.integers(0, target[1] - 1))
    region = Region(
        top,
        left,
        data.draw(st.integers(1, target[0] - top)),
        data.draw(st.integers(1, target[1] - left)),
    )
    part = pillow_bilinear(image, target, region)
    full = np.asarray(image.resize(target[::-1], Image.Resampling.BILINEAR))
    rows = slice(top, top + region.height)
    columns = slice(left, left + region.width)
    np.testing.assert_array_equal(part, full[rows, columns])


@pytest.mark.parametrize("size", [(1200, 1900), (3, 70_000), (300_000, 2)])
def test_a_large_image_is_resized_in_strips(size):
    image = random_image(*size)
    full = np.asarray(image.resize((341, 256), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(pillow_bilinear(image, (256, 341), whole(256, 341)), full)
    part = pillow_bilinear(image, (256, 341), Region(16, 58, 224, 224))
    np.testing.assert_array_equal(part, full[16:240, 58:282])


def test_the_two_agree_where_nothing_shrinks():
    image = random_image(40, 50)
    opencv = opencv_bilinear(image, (160, 200), whole(160, 200)).astype(int)
    pillow = pillow_bilinear(image, (160, 200), whole(160, 200))
    assert np.abs(opencv - pillow).max() <= 2


def test_antialias_is_what_sets_them_apart():
    stripes = Image.fromarray(np.tile(np.uint8([[0], [255]]), (512, 1024)))
    stripes = stripes.convert("RGB")
    pillow = pillow_bilinear(stripes, (100, 100), whole(100, 100)).astype(int)
    opencv = opencv_bilinear(stripes, (100, 100), whole(100, 100)).astype(int)
    assert np.ptp(pillow) < 20
    assert np.ptp(opencv) > 200
