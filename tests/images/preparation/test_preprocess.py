"""What preprocess takes, and each preset against its original's arithmetic, derived anew."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image, ImageOps

from alexnet_cy.errors import ImageError
from alexnet_cy.images import PRESETS, preprocess

# Landscape, portrait, square, already right, smaller than the crop, and odd remainders.
SIZES = [(480, 360), (361, 480), (300, 300), (256, 256), (40, 31), (641, 427), (257, 1023), (5, 7)]

CAFFE_MEAN = np.float32([104.00698793, 116.66876762, 122.67891434])


def torchvision_resized(image: Image.Image) -> Image.Image:
    """transforms.Resize(256): the longer side is rounded down."""
    short, long = sorted(image.size)
    longer = Fraction(256 * long, short).__floor__()
    size = (256, longer) if image.width <= image.height else (longer, 256)
    return image.resize(size, Image.Resampling.BILINEAR)


def torchvision_centre(image: Image.Image, size: int = 224) -> Image.Image:
    """transforms.CenterCrop: Python 3's round(), half to even."""
    left, top = (
        int((Decimal(side - size) / 2).quantize(Decimal(1), ROUND_HALF_EVEN)) for side in image.size
    )
    return image.crop((left, top, left + size, top + size))


def torchvision_tensor(image: Image.Image) -> np.ndarray:
    """ToTensor and Normalize, on torch where it is installed."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    try:
        import torch
    except ImportError:
        scaled = np.float32(np.asarray(image)) / np.float32(255)
        return ((scaled - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    tensor = pixels.to(torch.float32).div(255)
    tensor.sub_(torch.tensor(mean).view(-1, 1, 1)).div_(torch.tensor(std).view(-1, 1, 1))
    return tensor.numpy()


@pytest.mark.parametrize("size", SIZES)
def test_torchvision_bit_for_bit(picture, size):
    image = picture(*size)
    expected = torchvision_tensor(torchvision_centre(torchvision_resized(image)))
    np.testing.assert_array_equal(preprocess(image, "torchvision")[0], expected)


@pytest.mark.parametrize("size", SIZES)
def test_torchvision_ten_crops_bit_for_bit(picture, size):
    resized = torchvision_resized(picture(*size))
    expected = []
    for image in (resized, ImageOps.mirror(resized)):
        right, bottom = image.width - 224, image.height - 224
        for left, top in ((0, 0), (right, 0), (0, bottom), (right, bottom)):
            expected.append(image.crop((left, top, left + 224, top + 224)))
        expected.append(torchvision_centre(image))
    actual = preprocess(picture(*size), "torchvision-10crop")
    assert actual.shape == (10, 3, 224, 224)
    for row, crop in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(row, torchvision_tensor(crop))


@pytest.mark.parametrize("size", SIZES)
def test_torchvision_warp_bit_for_bit(picture, size):
    squashed = picture(*size).resize((224, 224), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(
        preprocess(picture(*size), "torchvision-warp")[0], torchvision_tensor(squashed)
    )


def test_every_pixel_value_is_scaled_as_torchvision_does():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    preset = replace(PRESETS["torchvision-warp"], crop_size=(16, 16))
    expected = torchvision_tensor(Image.fromarray(values).convert("RGB"))
    np.testing.assert_array_equal(preprocess(values, preset)[0], expected)


def opencv_warped(image: Image.Image, side: int) -> np.ndarray:
    """cv::imread and cv::resize: BGR, (side, side, 3)."""
    cv2 = pytest.importorskip("cv2")
    bgr = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
    return cv2.resize(bgr, (side, side), interpolation=cv2.INTER_LINEAR)


def assert_within_a_level(actual: np.ndarray, expected: np.ndarray) -> None:
    # Measured: no difference (OpenCV 4.14, x86-64); one level is what other builds may round.
    # The bound allows for float32 of values up to 255 on top.
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= 1 + 255 * np.finfo(np.float32).eps
    assert (actual != expected).mean() <= 0.05


@pytest.mark.parametrize("size", SIZES)
def test_caffe_against_opencv(picture, size):
    warped = opencv_warped(picture(*size), 256)
    # data_transformer.cpp at test time: h_off = (datum_height - crop_size) / 2 = 14
    expected = warped[14 : 14 + 227, 14 : 14 + 227].astype(np.float32) - CAFFE_MEAN
    assert_within_a_level(preprocess(picture(*size))[0], expected.transpose(2, 0, 1))


@pytest.mark.parametrize("size", SIZES)
def test_warp_against_opencv(picture, size):
    # classification.cpp: resize to the input geometry, subtract the channel mean
    expected = opencv_warped(picture(*size), 227).astype(np.float32) - CAFFE_MEAN
    assert_within_a_level(preprocess(picture(*size), "warp")[0], expected.transpose(2, 0, 1))


def pycaffe_oversample(image: np.ndarray, crop: int) -> list[np.ndarray]:
    """python/caffe/io.py: rows before columns, the centre, then the same five mirrored."""
    side = image.shape[0]
    offsets = [(y, x) for y in (0, side - crop) for x in (0, side - crop)]
    offsets.append((int(side / 2 - crop / 2),) * 2)
    crops = [image[y : y + crop, x : x + crop] for y, x in offsets]
    return crops + [np.fliplr(crop) for crop in crops]


def test_caffe_ten_crops_against_opencv(picture):
    actual = preprocess(picture(480, 360), "caffe-10crop")
    assert actual.shape == (10, 3, 227, 227)
    crops = pycaffe_oversample(opencv_warped(picture(480, 360), 256), 227)
    for row, crop in zip(actual, crops, strict=True):
        expected = crop.astype(np.float32) - CAFFE_MEAN
        assert_within_a_level(row, expected.transpose(2, 0, 1))


def test_the_fifth_crop_is_the_single_view(picture):
    for name in ("caffe", "torchvision"):
        rows = preprocess(picture(333, 280), f"{name}-10crop")
        np.testing.assert_array_equal(rows[4], preprocess(picture(333, 280), name)[0])


def test_photographs_against_opencv(shared):
    for name in ("cat.jpg", "cat_gray.jpg", "fish-bike.jpg"):
        path = shared / "images" / name
        with Image.open(path) as image:
            warped = opencv_warped(image.convert("RGB"), 256)
        expected = warped[14:241, 14:241].astype(np.float32) - CAFFE_MEAN
        assert_within_a_level(preprocess(path)[0], expected.transpose(2, 0, 1))


def test_many_images_are_the_single_ones_in_order(picture, encode, tmp_path):
    pictures = [picture(50, 40), picture(30, 60), picture(70, 70)]
    path = tmp_path / "first.png"
    path.write_bytes(encode(pictures[0], "PNG"))
    sources = [path, encode(pictures[1], "PNG"), np.asarray(pictures[2])]
    expected = np.concatenate([preprocess(picture, "torchvision") for picture in pictures])
    for images in (sources, tuple(sources), iter(sources), deque(sources)):
        np.testing.assert_array_equal(preprocess(images, "torchvision"), expected)
    ten = preprocess(sources, "torchvision-10crop")
    assert ten.shape == (30, 3, 224, 224)
    np.testing.assert_array_equal(ten[4::10], expected)


def test_many_threads_at_once(picture, encode):
    files = [encode(picture(90 + index, 70), "JPEG") for index in range(24)]
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(preprocess, files))
    np.testing.assert_array_equal(np.concatenate(rows), preprocess(files))


def test_a_batch_array(picture):
    batch = np.stack([np.asarray(picture(20, 30)), np.asarray(picture(20, 30))[::-1]])
    np.testing.assert_array_equal(preprocess(batch), preprocess(list(batch)))


def test_the_result_is_a_fresh_contiguous_float32_array(picture):
    for name in PRESETS:
        result = preprocess(picture(20, 30), name)
        assert result.dtype == np.float32
        assert result.flags.c_contiguous
        assert result.flags.writeable


@pytest.mark.parametrize("images", [[], (), iter([]), np.zeros((0, 8, 8, 3), np.uint8)])
def test_no_images(images):
    assert preprocess(images).shape == (0, 3, 227, 227)


def test_the_input_is_not_changed(picture):
    array = np.asarray(picture(300, 260)).copy()
    before = array.copy()
    preprocess(array, "torchvision-10crop")
    np.testing.assert_array_equal(array, before)


def test_input_size(picture):
    image = picture(400, 300)
    whole = preprocess(image, input_size=256)
    assert whole.shape == (1, 3, 256, 256)
    np.testing.assert_array_equal(
        preprocess(image, input_size=(224, 200)), whole[:, :, 16:240, 28:228]
    )
    assert preprocess(image, "warp", input_size=(300, 500)).shape == (1, 3, 300, 500)
    assert preprocess(image, "torchvision-10crop", input_size=63).shape == (10, 3, 63, 63)
    with pytest.raises(ValueError, match="input_size: 257 x 257 does not fit"):
        preprocess(image, input_size=257)


def test_variations_of_a_preset(picture):
    image = picture(400, 300)
    caffe = PRESETS["caffe"]
    raw = preprocess(image, replace(caffe, mean=(0.0, 0.0, 0.0)))
    assert raw.min() >= 0
    assert (raw == raw.astype(np.uint8)).all()
    rgb = preprocess(image, replace(caffe, channel_order="RGB", mean=(0.0, 0.0, 0.0)))
    np.testing.assert_array_equal(rgb, raw[:, ::-1])
    unit = preprocess(image, replace(caffe, divisor=255.0, mean=(0.0, 0.0, 0.0)))
    np.testing.assert_array_equal(unit, raw / np.float32(255))
    mean_of_blue = preprocess(image, replace(caffe, mean=(10.0, 0.0, 0.0)))
    np.testing.assert_array_equal(mean_of_blue[:, 0], raw[:, 0] - 10)
    np.testing.assert_array_equal(mean_of_blue[:, 1:], raw[:, 1:])


def test_grey_images_have_equal_channels(picture):
    grey = np.asarray(picture(60, 50).convert("L"))
    channels = preprocess(grey, replace(PRESETS["caffe"], mean=(0.0, 0.0, 0.0)))[0]
    np.testing.assert_array_equal(channels[0], channels[1])
    np.testing.assert_array_equal(channels[0], channels[2])


def test_preprocessed_arrays_are_sent_to_forward():
    for dtype in (np.float32, np.float64):
        with pytest.raises(TypeError, match=r"images: .*go to AlexNet\.forward"):
            preprocess(np.zeros((2, 3, 227, 227), dtype))


def test_errors_say_which_image(picture, tmp_path):
    good = picture(20, 20)
    with pytest.raises(ImageError, match=r"images\[1\]: '.*gone\.jpg': No such file"):
        preprocess([good, tmp_path / "gone.jpg"])
    with pytest.raises(ImageError, match=r"images: '.*gone\.jpg': No such file"):
        preprocess(tmp_path / "gone.jpg")
    with pytest.raises(TypeError, match=r"images\[2\]: NoneType is not an image"):
        preprocess([good, good, None])
    with pytest.raises(TypeError, match="images: NoneType is not an image"):
        preprocess(None)
    with pytest.raises(TypeError, match=r"images\[0\]: list is not an image"):
        preprocess([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"images\[0\]: .*looks like \(C, H, W\)"):
        preprocess(np.zeros((2, 3, 8, 8), np.uint8))


@pytest.mark.parametrize("images", [{"a.jpg"}, {"a.jpg": 1}, frozenset()])
def test_collections_without_order_are_refused(images):
    with pytest.raises(TypeError, match=r"images: .* has no order; pass a list"):
        preprocess(images)


def test_an_unknown_preset(picture):
    with pytest.raises(ValueError, match="preset: unknown name 'imagenet'"):
        preprocess(picture(8, 8), "imagenet")
