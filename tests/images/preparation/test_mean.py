"""The mean argument: numbers, arrays, files, and the presets that have no use for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alexnet_cy.images import PRESETS, preprocess

WITHOUT_MEAN = (0.0, 0.0, 0.0)


@pytest.fixture
def mean_image() -> np.ndarray:
    return np.random.default_rng(3).uniform(90, 130, (3, 256, 256))


def raw_pixels(image, name: str) -> np.ndarray:
    return preprocess(image, replace(PRESETS[name], mean=WITHOUT_MEAN))


def data_layer(datum: np.ndarray, mean: np.ndarray, offset: int, mirror: bool) -> np.ndarray:
    """Index by index as src/caffe/data_transformer.cpp does it, for a crop of 227 at an offset."""
    index = offset + np.arange(227)
    top_index = np.arange(227)[::-1] if mirror else np.arange(227)
    out = np.empty((3, 227, 227), np.float32)
    difference = datum[:, index][:, :, index] - mean.astype(np.float32)[:, index][:, :, index]
    out[:, :, top_index] = difference
    return out


@pytest.mark.parametrize("mean", [(1, 2, 3), [1.0, 2.0, 3.0], np.array([1, 2, 3])])
@pytest.mark.parametrize("name", ["caffe", "caffe-10crop", "warp"])
def test_three_numbers_in_channel_order(picture, mean, name):
    image = picture(300, 200)
    expected = raw_pixels(image, name) - np.float32([1, 2, 3]).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(preprocess(image, name, mean=mean), expected)


def test_a_mean_image_is_cropped_with_the_image(picture, mean_image):
    image = picture(300, 200)
    datum = raw_pixels(image, "caffe")
    whole = preprocess(image, replace(PRESETS["caffe"], mean=WITHOUT_MEAN), input_size=256)[0]
    np.testing.assert_array_equal(
        preprocess(image, mean=mean_image)[0], data_layer(whole, mean_image, 14, mirror=False)
    )
    difference = datum[0] - mean_image[:, 14:241, 14:241].astype(np.float32)
    np.testing.assert_array_equal(preprocess(image, mean=mean_image)[0], difference)


def test_a_mean_image_is_mirrored_with_the_image(picture, mean_image):
    image = picture(300, 200)
    whole = preprocess(image, replace(PRESETS["caffe"], mean=WITHOUT_MEAN), input_size=256)[0]
    rows = preprocess(image, "caffe-10crop", mean=mean_image)
    for row, offset, mirror in ((0, 0, False), (3, 29, False), (5, 0, True), (9, 14, True)):
        np.testing.assert_array_equal(rows[row], data_layer(whole, mean_image, offset, mirror))


def test_a_mean_image_for_warp_has_the_input_size(picture, mean_image):
    image = picture(300, 200)
    small = mean_image[:, :100, :120]
    actual = preprocess(image, "warp", mean=small, input_size=(100, 120))
    preset = replace(PRESETS["warp"], mean=WITHOUT_MEAN)
    expected = preprocess(image, preset, input_size=(100, 120)) - small.astype(np.float32)
    np.testing.assert_array_equal(actual, expected)
    with pytest.raises(ValueError, match=r"mean image of shape \(3, 227, 227\), got shape"):
        preprocess(image, "warp", mean=mean_image)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, ">f8"])
def test_a_file(picture, mean_image, tmp_path, dtype):
    path = tmp_path / "mean.npy"
    np.save(path, mean_image.astype(dtype))
    expected = preprocess(picture(300, 200), mean=mean_image.astype(dtype))
    for mean in (path, str(path)):
        np.testing.assert_array_equal(preprocess(picture(300, 200), mean=mean), expected)


def test_the_published_mean_file(shared):
    path = shared / "imagenet" / "ilsvrc_2012_mean.npy"
    cat = shared / "images" / "cat.jpg"
    per_pixel = preprocess(cat, mean=path)
    expected = raw_pixels(cat, "caffe") - np.float32(np.load(path)[:, 14:241, 14:241])
    np.testing.assert_array_equal(per_pixel, expected)
    # The crop's means are 102.98, 115.95, 122.77: not those of the whole image.
    shift = (per_pixel - preprocess(cat)).mean((0, 2, 3))
    np.testing.assert_allclose(shift, [1.03, 0.72, -0.09], atol=0.01)


@pytest.mark.parametrize("name", ["torchvision", "torchvision-10crop", "torchvision-warp"])
def test_presets_with_figures_of_their_own(picture, name):
    with pytest.raises(ValueError, match=rf"mean: preset '{name}' scales pixels"):
        preprocess(picture(30, 30), name, mean=(1, 2, 3))


@pytest.mark.parametrize("change", [{"divisor": 255.0}, {"std": (2.0, 1.0, 1.0)}])
def test_variations_that_scale_refuse_a_mean(picture, change):
    with pytest.raises(ValueError, match="mean: preset 'caffe' scales pixels"):
        preprocess(picture(30, 30), replace(PRESETS["caffe"], **change), mean=(1, 2, 3))


def test_a_mean_image_needs_a_resize_of_fixed_size(picture, mean_image):
    preset = replace(PRESETS["caffe"], resize="short-side")
    with pytest.raises(ValueError, match=r"needs 3 numbers, got shape \(3, 256, 256\)"):
        preprocess(picture(30, 30), preset, mean=mean_image)


@pytest.mark.parametrize(
    "mean", [1.0, (1, 2), (1, 2, 3, 4), np.zeros((3, 227, 227)), np.zeros((256, 256, 3)), []]
)
def test_other_shapes(picture, mean):
    with pytest.raises(ValueError, match=r"mean: preset 'caffe' needs 3 numbers or a mean image"):
        preprocess(picture(30, 30), mean=mean)


@pytest.mark.parametrize(
    "mean", [(1, 2, float("nan")), (1, 2, float("inf")), ("a", "b", "c"), (1j, 2, 3)]
)
def test_values_that_are_no_numbers(picture, mean):
    with pytest.raises(ValueError, match="mean: expected finite numbers"):
        preprocess(picture(30, 30), mean=mean)


def test_a_ragged_mean(picture):
    with pytest.raises(ValueError, match="mean: need an array of numbers"):
        preprocess(picture(30, 30), mean=[[1, 2], [3]])


def test_bad_files(picture, tmp_path):
    text = tmp_path / "mean.txt"
    text.write_text("104 117 123")
    archive = tmp_path / "mean.npz"
    np.savez(archive, mean=np.zeros(3))
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([{}, None, []], dtype=object), allow_pickle=True)
    short = tmp_path / "short.npy"
    np.save(short, np.zeros((3, 256, 256)))
    short.write_bytes(short.read_bytes()[:5000])
    huge = tmp_path / "huge.npy"
    np.save(huge, np.zeros(3))
    huge.write_bytes(huge.read_bytes().replace(b"(3,), }    ", b"(3000000000000,), }"[:11]))
    digits = tmp_path / "mean.jpg"  # of NVIDIA DIGITS
    picture(30, 30).save(digits)
    for path in (text, objects, short, huge, archive, digits):
        with pytest.raises(ValueError, match=r"mean: '.*' is not a \.npy file") as raised:
            preprocess(picture(30, 30), mean=path)
        assert "allow_pickle" not in str(raised.value)
    for path in (tmp_path, tmp_path / "missing.npy"):
        with pytest.raises(ValueError, match="is not a file"):
            preprocess(picture(30, 30), mean=path)
