"""Of a file with several frames the first one is read, and nothing behind it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from alexnet_cy.images import decode

COLOURS = [(200, 30, 10), (10, 200, 30)]


class Watched(io.BytesIO):
    """Remembers how far it was read."""

    furthest = 0

    def read(self, *args):
        data = super().read(*args)
        self.furthest = max(self.furthest, self.tell())
        return data


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "MPO"])
def test_first_frame(encode, format):
    frames = [Image.new("RGB", (16, 16), colour) for colour in COLOURS]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encode(frames[0], format, save_all=True, append_images=frames[1:], **options)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 2
    np.testing.assert_allclose(decode(data).getpixel((8, 8)), COLOURS[0], atol=3)


def test_apng_with_a_separate_default_image(encode):
    frames = [Image.new("RGB", (16, 16), colour) for colour in COLOURS]
    data = encode(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)
    assert decode(data).getpixel((8, 8)) == COLOURS[0]


def gif_frame(data: bytes) -> bytes:
    """The one image block of a GIF without extensions."""
    return data[data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7))) : -1]


def test_ten_thousand_gif_frames_are_not_iterated(encode, picture):
    data = encode(picture(32, 32).quantize(16), "GIF")
    frame = gif_frame(data)
    file = Watched(data[:-1] + frame * 9_999 + b";")
    np.testing.assert_array_equal(np.asarray(decode(file)), np.asarray(decode(data)))
    assert file.furthest < 2 * len(data) + 65536 < len(file.getbuffer()) / 10


def test_a_bomb_in_the_second_gif_frame_is_not_touched(encode, picture):
    data = encode(picture(32, 32).quantize(16), "GIF")
    bomb = bytearray(gif_frame(data))
    bomb[5:9] = b"\xff\xff\xff\xff"  # width and height of the frame
    np.testing.assert_array_equal(
        np.asarray(decode(data[:-1] + bytes(bomb) + b";")), np.asarray(decode(data))
    )
