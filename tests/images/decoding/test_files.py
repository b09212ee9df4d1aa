"""Limits, special files and formats: a refusal, never a hang, a flood of memory or a subprocess."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from alexnet_cy.errors import ImageError
from alexnet_cy.images import decode
from alexnet_cy.images.decoding import files


def with_size(data: bytes, format: str, width: int, height: int) -> bytes:
    """A file whose header claims another size than its pixels have."""
    out = bytearray(data)
    if format == "PNG":
        out[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        out[29:33] = zlib.crc32(out[12:29]).to_bytes(4, "big")
    elif format == "GIF":
        out[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    elif format == "BMP":
        out[18:26] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    elif format == "JPEG":
        start = out.index(b"\xff\xc0") + 5
        out[start : start + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    elif format == "PPM":
        out = bytearray(b"P6 %d %d 255\n" % (width, height)) + out[-100:]
    else:
        raise AssertionError(format)
    return bytes(out)


BOMBS = ["PNG", "GIF", "BMP", "JPEG", "PPM"]


@pytest.mark.parametrize("format", BOMBS)
def test_too_many_pixels_are_refused_before_decoding(encode, picture, format, monkeypatch):
    # 100 million: Pillow itself only warns of this size. 4.1 thousand million: Pillow refuses.
    data = encode(picture(16, 16), format)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="10000 x 10000 pixels: up to 67108864 pixels are read"):
        decode(with_size(data, format, 10_000, 10_000))
    with pytest.raises(ImageError, match=r"64250 x 64250|decompression bomb"):
        decode(with_size(data, format, 64_250, 64_250))


@pytest.mark.parametrize("own_limit", [None, 100])
def test_the_limit_does_not_depend_on_pillows_global(encode, picture, monkeypatch, own_limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", own_limit)
    data = with_size(encode(picture(16, 16), "PNG"), "PNG", 20_000, 20_000)
    with pytest.raises(ImageError, match=r"20000 x 20000|decompression bomb"):
        decode(data)


def test_max_pixels(encode, picture):
    data = encode(picture(20, 10), "PNG")
    assert decode(data, max_pixels=200).size == (20, 10)
    with pytest.raises(ImageError, match="20 x 10 pixels: up to 199 pixels are read"):
        decode(data, max_pixels=199)


@pytest.mark.parametrize("size", [(65_536, 1), (1, 65_536)])
def test_sides_are_limited_for_every_source(encode, size):
    image = Image.new("L", size)
    for source in (image, np.asarray(image), encode(image, "PNG")):
        with pytest.raises(ImageError, match=r"65536 .*pixels: sides up to 65535 are read"):
            decode(source)
    assert decode(image.crop((0, 0, min(size[0], 65_535), min(size[1], 65_535)))).mode == "RGB"


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0, 3)])
def test_images_without_pixels(shape):
    with pytest.raises(ImageError, match="the image is empty"):
        decode(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "data",
    [
        b"P3 1025 1024 255\n" + b"1 " * 3 * 1025 * 1024,
        b"P6 1025 1024 254\n" + b"1" * 3 * 1025 * 1024,
    ],
    ids=["plain", "rescaled"],
)
def test_what_pillow_decodes_in_python_has_a_lower_limit(data):
    with pytest.raises(ImageError, match="up to 1048576 are read of this kind of PPM file"):
        decode(data)


def test_empty_files(tmp_path):
    path = tmp_path / "empty.jpg"
    path.touch()
    for source in (path, b"", io.BytesIO()):
        with pytest.raises(ImageError, match="the file is empty"):
            decode(source)


@pytest.mark.parametrize("format", ["ICO", "TGA", "PCX", "SGI", "EPS", "PDF"])
def test_other_formats_are_refused_whatever_their_name(
    encode, picture, tmp_path, monkeypatch, format
):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(picture(16, 16), format))
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **kwargs: pytest.fail("subprocess"))
    with pytest.raises(ImageError, match=r"photo\.jpg': no JPEG, PNG.*open other formats with"):
        decode(path)


def test_other_formats_pass_when_the_caller_opens_them(encode, picture):
    image = Image.open(io.BytesIO(encode(picture(16, 16), "TIFF")))
    np.testing.assert_array_equal(np.asarray(decode(image)), np.asarray(picture(16, 16)))


def test_the_message_shows_how_a_file_begins():
    with pytest.raises(ImageError, match=r"it begins with b'<!DOCTYP'"):
        decode(b"<!DOCTYPE html><html>404 Not Found</html>")


def test_a_file_beyond_the_limit(tmp_path, encode, picture):
    path = tmp_path / "sparse.png"
    path.write_bytes(encode(picture(4, 4), "PNG"))
    os.truncate(path, 4 * files.MAX_PIXELS + 2**24 + 1)  # sparse: takes no room
    with pytest.raises(ImageError, match="the file is larger than 285212672 bytes"):
        decode(path)


def test_an_endless_pipe_object_is_cut_off():
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = bytes(len(buffer))
            return len(buffer)

    with pytest.raises(ImageError, match="the file is larger than 16777616 bytes"):
        decode(io.BufferedReader(Endless()), max_pixels=100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_without_a_writer_does_not_hang(tmp_path):
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    with pytest.raises(ImageError, match=r"pipe\.jpg': not a regular file"):
        decode(path)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero here")
def test_a_device_is_refused():
    with pytest.raises(ImageError, match="'/dev/zero': not a regular file"):
        decode("/dev/zero")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_links(tmp_path, encode, picture):
    (tmp_path / "a.png").write_bytes(encode(picture(4, 4), "PNG"))
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    assert decode(tmp_path / "link.png").size == (4, 4)
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(ImageError, match=r"loop\.png': .*symbolic links"):
        decode(tmp_path / "loop.png")


@pytest.mark.parametrize("compression", [None, "packbits", "tiff_lzw", "tiff_adobe_deflate"])
def test_tiff(encode, picture, compression):
    image = picture(20, 14)
    data = encode(image, "TIFF", compression=compression)
    np.testing.assert_array_equal(np.asarray(decode(data)), np.asarray(image))


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_tiff_of_16_bits(encode, order):
    samples = np.arange(0, 65536, 512, dtype=np.uint16).reshape(8, 16)
    mode = "I;16B" if order == ">u2" else "I;16"
    image = Image.frombytes(mode, (16, 8), samples.astype(order).tobytes())
    pixels = np.asarray(decode(encode(image, "TIFF")))
    np.testing.assert_array_equal(pixels[..., 0], samples >> 8)


def test_tiff_of_other_compressions_is_refused(encode, picture):
    data = encode(picture(20, 14).convert("1"), "TIFF", compression="group4")
    with pytest.raises(ImageError, match="TIFF with compression 'group4'"):
        decode(data)


def test_tiff_that_is_cut_off(encode, picture):
    data = encode(picture(64, 64), "TIFF", compression="tiff_lzw")
    for length in (6, 40, len(data) // 2):
        with pytest.raises(ImageError):
            decode(data[:length])
    with pytest.raises(ImageError, match="up to 100 pixels are read"):
        decode(data, max_pixels=100)
