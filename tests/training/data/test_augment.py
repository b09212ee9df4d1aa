"""Views of images: where they are cut, how they are resized, and what they depend on."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from alexnet_cy.images.bilinear import Region
from alexnet_cy.images.preparation import make_preparation
from alexnet_cy.images.preprocess import preprocess
from alexnet_cy.training.data.augment import Augment, squares_preparation
from alexnet_cy.training.data.random_numbers import Stream, uniforms
from alexnet_cy.training.data.resized_crop import ATTEMPTS, draw_region, resized_region
from alexnet_cy.training.loop.sources import PixelSource

SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)

# Of Pillow's fixed-point arithmetic: src/libImaging/Resample.c, PRECISION_BITS.
BITS = 32 - 8 - 2


def weights(size, target):
    """The share of each pixel (columns) in each of the result (rows), as Pillow rounds it."""
    scale = size / target
    support = max(scale, 1.0)
    found = np.zeros((target, size))
    for out in range(target):
        centre = (out + 0.5) * scale
        first, last = max(0, int(centre - support + 0.5)), min(size, int(centre + support + 0.5))
        pixels = np.arange(first, last)
        triangle = np.maximum(0, 1 - np.abs((pixels - centre + 0.5) / support))
        found[out, first:last] = triangle / triangle.sum()
    return np.floor(0.5 + found * (1 << BITS)).astype(np.int64)


def resized(image, size):
    """Bilinear with antialias: columns first, each pass rounded to whole levels."""
    columns, rows = weights(image.shape[1], size[1]), weights(image.shape[0], size[0])
    half = 1 << (BITS - 1)
    across = np.clip((np.einsum("xs,rsc->rxc", columns, image) + half) >> BITS, 0, 255)
    return np.clip((np.einsum("yr,rxc->yxc", rows, across) + half) >> BITS, 0, 255)


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (40, 50, 3), np.uint8)


@pytest.mark.parametrize("index", range(12))
@pytest.mark.parametrize("size", [(24, 24), (40, 30)])
def test_resized_crops_are_the_definition(image, index, size):
    drawn = uniforms(3, Stream.CROP, 4 * ATTEMPTS, index, 7)
    top, left, height, width = draw_region(40, 50, SCALE, RATIO, drawn)
    assert 0 <= top <= 40 - height
    assert 0 <= left <= 50 - width
    expected = resized(image[top : top + height, left : left + width].astype(np.int64), size)
    view = Augment(crop="resized", flip=False).cut(image, size, 3, 7, index)
    assert_array_equal(view.pixels, expected)


def test_areas_and_shapes_are_spread_as_torchvision_spreads_them():
    areas, shapes, tops = [], [], []
    for index in range(2000):
        drawn = uniforms(0, Stream.CROP, 4 * ATTEMPTS, index, 0)
        region = draw_region(1000, 1000, SCALE, RATIO, drawn)
        areas.append(region.height * region.width / 1e6)
        shapes.append(region.width / region.height)
        tops.append(region.top / max(1, 1000 - region.height))
    assert 0.079 < min(areas) < max(areas) <= 1
    assert 0.745 < min(shapes) < max(shapes) < 1.34
    # uniform areas have the mean 0.54; crops above 3/4 that do not fit are drawn again
    assert 0.48 < np.mean(areas) < 0.54
    assert abs(np.mean(np.log(shapes))) < 0.01
    assert abs(np.mean(tops) - 0.5) < 0.03


def test_every_try_is_used_and_then_the_middle():
    big = np.tile([1.0, 0.0, 0.0, 0.0], ATTEMPTS)  # narrow and as large as the image: never fits
    assert draw_region(100, 400, SCALE, RATIO, big) == (0, 133, 100, 133)
    assert draw_region(400, 100, SCALE, RATIO, big) == (133, 0, 133, 100)
    assert draw_region(100, 100, SCALE, RATIO, big) == (0, 0, 100, 100)
    last = big.copy()
    last[-4:] = [0.0, 0.5, 0.999, 0.0]  # 8 % of the area, square, at the bottom
    assert draw_region(100, 400, SCALE, RATIO, last) == (43, 0, 57, 57)


def test_a_part_of_the_size_that_is_wanted_is_not_changed(image):
    assert_array_equal(resized_region(image, Region(4, 5, 20, 30), (20, 30)), image[4:24, 5:35])


@pytest.mark.parametrize("crop", ["random", "resized", "centre"])
def test_views_depend_on_seed_epoch_and_image_alone(crop):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (9, 80, 80, 3), np.uint8)
    preparation = make_preparation("torchvision", input_size=64)
    augment = Augment(crop=crop, pca_color=0.1)
    one, other = (
        PixelSource(pixels, np.zeros(9, int), preparation, augment, threads=threads)
        for threads in (1, 3)
    )
    whole = one.batch(np.arange(9), 5, 2).values
    assert_array_equal(other.batch(np.arange(9), 5, 2).values, whole)
    assert_array_equal(other.batch(np.array([7, 2]), 5, 2).values, whole[[7, 2]])
    assert not np.array_equal(one.batch(np.arange(9), 5, 3).values, whole)
    assert not np.array_equal(one.batch(np.arange(9), 6, 2).values, whole)


def test_other_scales_and_ratios():
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, 50:] = 255
    # the whole image, squeezed
    whole = Augment(crop="resized", flip=False, scale=(1, 1), ratio=(1, 1))
    out = whole.cut(image, (10, 10), 0, 0, 0).pixels
    assert_array_equal(out[:, :4], 0)  # the two in the middle are smoothed
    assert_array_equal(out[:, 6:], 255)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"scale": (0, 1)}, ValueError, "^scale: need two ascending"),
        ({"scale": (0.5, 1.5)}, ValueError, "1 at most"),
        ({"ratio": (2, 1)}, ValueError, "^ratio"),
        ({"ratio": 1.0}, TypeError, "^ratio: need two numbers"),
        ({"scale": ("a", 1)}, TypeError, "^scale"),
        ({"crop": "middle"}, ValueError, "^crop: need one of random, resized, centre"),
    ],
)
def test_fields_that_are_none(fields, error, message):
    with pytest.raises(error, match=message):
        Augment(**fields).check()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_random_crop_takes_the_mean_images_crop(threads):
    """Mirrored with the pixels, as Caffe's transformer and inference here do."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 256, 256, 3), np.uint8)
    mean = rng.uniform(90, 130, (3, 256, 256)).astype(np.float32)
    preparation = make_preparation("caffe", mean=mean)
    augment = Augment(pca_color=0.1)
    source = PixelSource(pixels, np.zeros(6, int), preparation, augment, threads=threads)
    found = source.batch(np.arange(6), 4, 1)
    mirrored = []
    for row in range(6):
        view = augment.cut(pixels[row], (227, 227), 4, 1, row)
        top, left, height, width = view.region
        x = view.pixels[..., ::-1].transpose(2, 0, 1) - mean[:, top : top + 227, left : left + 227]
        assert_array_equal(found[row], x[..., ::-1] if view.mirrored else x)
        assert (height, width) == (227, 227)
        mirrored.append(view.mirrored)
    assert {True, False} == set(mirrored)


def test_without_an_augment_it_is_what_inference_sees():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (256, 256, 3), np.uint8)
    mean = rng.uniform(90, 130, (3, 256, 256)).astype(np.float32)
    preparation = make_preparation("caffe", mean=mean)
    found = PixelSource(image[None], np.zeros(1, int), preparation).batch(np.array([0]), 0, 0)
    assert_array_equal(found, preprocess(image, "caffe", mean=mean))


def test_a_mean_image_and_resized_crops_do_not_go_together():
    preparation = make_preparation("caffe", mean=np.zeros((3, 256, 256), np.float32))
    assert squares_preparation(preparation, Augment()).preset.crop_size == (256, 256)
    with pytest.raises(ValueError, match=r"^mean: crops that are resized"):
        squares_preparation(preparation, Augment(crop="resized"))
