"""Exif orientation: ignored unless asked for, and never a reason to fail."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from alexnet_cy.images import decode, preprocess

ORIENTATION = 0x0112


def tagged(encode, image, orientation: int, format: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    return encode(image, format, exif=exif, **options)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations(encode, picture, format, orientation):
    data = tagged(encode, picture(24, 10), orientation, format)
    stored = Image.open(io.BytesIO(data))
    np.testing.assert_array_equal(np.asarray(decode(data)), np.asarray(stored.convert("RGB")))
    upright = decode(data, exif=True)
    assert upright.size == ((10, 24) if orientation >= 5 else (24, 10))
    np.testing.assert_array_equal(
        np.asarray(upright), np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    )


def test_a_tag_undoes_the_rotation_that_it_describes(encode, picture):
    # A camera on its side: the sensor's rows run along the picture's columns.
    image = picture(24, 10)
    data = tagged(encode, image.rotate(90, expand=True), 6, "PNG")
    np.testing.assert_array_equal(np.asarray(decode(data, exif=True)), np.asarray(image))


def test_preprocess_passes_the_option_on(encode, picture):
    image = picture(40, 30)
    data = tagged(encode, image.rotate(180), 3, "PNG")
    np.testing.assert_array_equal(preprocess(data, exif=True), preprocess(image))
    assert (preprocess(data) != preprocess(image)).any()


def test_a_pil_image_is_turned_too(encode, picture):
    data = tagged(encode, picture(24, 10), 8)
    with Image.open(io.BytesIO(data)) as image:
        assert decode(image, exif=True).size == (10, 24)
        assert image.size == (24, 10)


def test_a_tiff_that_pillow_turns_is_not_turned_twice(encode, picture):
    data = tagged(encode, picture(24, 10), 6, "TIFF")
    turned = np.asarray(picture(24, 10).rotate(-90, expand=True))
    for exif in (False, True):
        image = Image.open(io.BytesIO(data))
        np.testing.assert_array_equal(np.asarray(decode(image, exif=exif)), turned)


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_out_of_range_counts_as_none(encode, picture, orientation):
    data = tagged(encode, picture(24, 10), orientation)
    assert decode(data, exif=True).size == (24, 10)


def test_damaged_exif_never_fails(encode, picture):
    image = picture(24, 10)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    sound = exif.tobytes()
    rng = np.random.default_rng(1)
    stored = np.asarray(decode(encode(image, "JPEG")))
    for _ in range(200):
        damaged = bytearray(sound)
        for position in rng.integers(6, len(sound), 3):
            damaged[position] = rng.integers(256)
        cut = bytes(damaged[: rng.integers(6, len(sound) + 1)])
        upright = np.asarray(decode(encode(image, "JPEG", exif=cut), exif=True))
        assert upright.size == stored.size
        assert np.array_equal(np.sort(upright, axis=None), np.sort(stored, axis=None))
