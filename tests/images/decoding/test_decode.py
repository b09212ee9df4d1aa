"""What decode takes, what it refuses, and how its errors read."""

from __future__ import annotations

import io
import itertools
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_cy.errors import ImageError
from alexnet_cy.images import decode


@pytest.fixture
def png(encode, picture):
    return encode(picture(7, 5), "PNG")


@pytest.fixture
def expected(picture):
    return np.asarray(picture(7, 5))


def test_every_kind_of_source_gives_the_same_pixels(tmp_path, png, expected, picture):
    path = tmp_path / "a [1] *.png"
    path.write_bytes(png)
    with open(path, "rb") as file:
        sources = [
            path,
            str(path),
            png,
            bytearray(png),
            memoryview(png),
            file,
            io.BytesIO(png),
            picture(7, 5),
            expected,
        ]
        for source in sources:
            image = decode(source)
            assert (image.mode, image.size) == ("RGB", (7, 5))
            np.testing.assert_array_equal(np.asarray(image), expected)


def test_the_extension_does_not_matter(tmp_path, png, expected):
    path = tmp_path / "misnamed.jpg"
    path.write_bytes(png)
    np.testing.assert_array_equal(np.asarray(decode(path)), expected)


def test_a_path_is_closed_and_the_result_outlives_it(tmp_path, png, expected):
    path = tmp_path / "a.png"
    path.write_bytes(png)
    image = decode(path)  # an unclosed file would be a ResourceWarning, which is an error here
    path.unlink()
    np.testing.assert_array_equal(np.asarray(image), expected)


def test_a_file_object_is_read_from_its_start_and_left_open(png, expected):
    file = io.BytesIO(png)
    file.seek(0, os.SEEK_END)
    np.testing.assert_array_equal(np.asarray(decode(file)), expected)
    assert not file.closed


def test_a_file_object_that_cannot_seek(png, expected):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.rest = io.BytesIO(png)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self.rest.readinto(buffer)

    np.testing.assert_array_equal(np.asarray(decode(io.BufferedReader(Pipe()))), expected)


def test_an_rgb_pil_image_comes_back_as_it_is(picture):
    image = picture(3, 4)
    assert decode(image) is image


@pytest.mark.parametrize(
    ("shape", "mode"), [((4, 6), "L"), ((4, 6, 1), "L"), ((4, 6, 3), "RGB"), ((4, 6, 4), "RGBA")]
)
def test_array_layouts(shape, mode):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    image = Image.fromarray(array.squeeze())
    assert image.mode == mode
    np.testing.assert_array_equal(np.asarray(decode(array)), np.asarray(decode(image)))


def test_arrays_need_not_be_contiguous_or_writable(expected):
    reversed_channels = expected[::-1, ::2, ::-1]
    reversed_channels.flags.writeable = False
    np.testing.assert_array_equal(np.asarray(decode(reversed_channels)), reversed_channels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_float_arrays_are_sent_to_forward(dtype):
    with pytest.raises(TypeError, match=r"float.*AlexNet\.forward"):
        decode(np.zeros((1, 3, 8, 8), dtype))


@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.bool_, object])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match=r"array of shape \(4, 4, 3\): images are uint8 arrays"):
        decode(np.zeros((4, 4, 3), dtype))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_first_is_recognised(channels):
    with pytest.raises(ValueError, match=r"this looks like \(C, H, W\): pass array\.transpose"):
        decode(np.zeros((channels, 8, 9), np.uint8))


@pytest.mark.parametrize("shape", [(), (5,), (8, 9, 2), (8, 9, 5), (2, 8, 9, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected shape \(H, W\) or \(H, W, C\)"):
        decode(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("source", [None, 3, 2.5, [1, 2], object(), {"a": 1}])
def test_other_types_are_refused(source):
    with pytest.raises(TypeError, match=r"is not an image; expected a path, bytes"):
        decode(source)


def test_a_text_file_object_is_refused(tmp_path, png):
    path = tmp_path / "a.png"
    path.write_bytes(png)
    with open(path, encoding="latin-1") as file, pytest.raises(TypeError, match="mode 'rb'"):
        decode(file)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/cat.jpg",
        "HTTPS://example.org/cat.jpg",
        "file:///etc/passwd",
        "s3://bucket/cat.jpg",
        "data:image/png;base64,AAAA",
    ],
)
def test_urls_are_not_fetched(url):
    with pytest.raises(ImageError, match="URLs are not fetched"):
        decode(url)


def test_a_windows_drive_is_no_url():
    with pytest.raises(ImageError, match="No such file"):
        decode("C://pictures/cat.jpg")


@pytest.mark.parametrize("max_pixels", [0, -1])
def test_max_pixels_must_be_positive(png, max_pixels):
    with pytest.raises(ValueError, match="max_pixels: expected at least 1"):
        decode(png, max_pixels=max_pixels)


def test_errors_name_the_source_and_keep_the_cause(tmp_path, png):
    broken = png[: len(png) // 2]
    path = tmp_path / "broken.png"
    path.write_bytes(broken)
    named = io.BytesIO(broken)
    named.name = "upload.png"
    names = {
        path: repr(str(path)),
        broken: f"{len(broken)} bytes",
        named: "'upload.png'",
        io.BytesIO(broken): "BytesIO object",
    }
    for source, name in names.items():
        with pytest.raises(ImageError) as caught:
            decode(source)
        assert str(caught.value).startswith(f"{name}: ")
        assert caught.value.__cause__ is not None


def test_a_lazily_opened_pil_image_that_is_broken(encode, picture, tmp_path):
    path = tmp_path / "cut.jpg"
    path.write_bytes(encode(picture(64, 64), "JPEG")[:-100])
    with Image.open(path) as image, pytest.raises(ImageError, match=r"cut\.jpg'.*truncated"):
        decode(image)


def test_a_closed_file_object_and_a_closed_image(png):
    file = io.BytesIO(png)
    file.close()
    with pytest.raises(ImageError, match="closed file"):
        decode(file)
    image = Image.open(io.BytesIO(png))
    image.close()
    with pytest.raises(ImageError, match="PIL image of mode RGB, 7 x 5"):
        decode(image)


def test_a_failing_file_object(png):
    class Failing(io.BytesIO):
        def read(self, *args):
            raise RuntimeError("the disk is on fire")

    with pytest.raises(ImageError, match="the disk is on fire"):
        decode(Failing(png))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM"])
def test_a_file_cut_anywhere_is_an_error_or_complete(encode, picture, format):
    data = encode(picture(12, 9), format)
    whole = np.asarray(decode(data))
    n_errors = 0
    for length in range(len(data)):
        try:
            image = decode(data[:length])
        except ImageError:
            n_errors += 1
        else:
            np.testing.assert_array_equal(np.asarray(image), whole)
    assert n_errors > len(data) * 0.8


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM"])
def test_random_damage_is_an_image_or_an_image_error(encode, picture, format):
    data = encode(picture(12, 9), format)
    rng = np.random.default_rng(5)
    outcomes = {"image": 0, "error": 0}
    for _ in range(300):
        damaged = bytearray(data)
        for position in rng.integers(0, len(data), rng.integers(1, 6)):
            damaged[position] = rng.integers(256)
        try:
            assert decode(bytes(damaged), exif=True).mode == "RGB"
            outcomes["image"] += 1
        except ImageError:
            outcomes["error"] += 1
    assert outcomes["error"] > 0


def test_pillows_warnings_stay_inside(encode, picture):
    # An MPO marker without the pictures it announces: Pillow reads a plain JPEG, with a warning.
    data = encode(picture(8, 8), "JPEG")
    data = data[:2] + b"\xff\xe2\x00\x0aMPF\x00AAAA" + data[2:]
    with pytest.warns(UserWarning, match="malformed MPO"):
        Image.open(io.BytesIO(data))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode(data)
        assert caught == []
        warnings.warn("the filters work as before", stacklevel=1)
        assert len(caught) == 1


def test_globals_of_pillow_are_not_touched(encode, picture):
    from PIL import ImageFile

    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    decode(encode(picture(8, 8), "JPEG"))
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == before


def test_a_folder_and_a_missing_file(tmp_path: Path):
    with pytest.raises(ImageError, match="Is a directory"):
        decode(tmp_path)
    with pytest.raises(ImageError, match=r"'.*missing\.png': No such file or directory"):
        decode(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="null byte"):
        decode("a\0b.png")


def test_combinations_of_exif_and_source_agree(png, expected, picture):
    for exif, source in itertools.product((False, True), (png, picture(7, 5), expected)):
        np.testing.assert_array_equal(np.asarray(decode(source, exif=exif)), expected)
