"""The stated outcome of every Pillow mode: docs/images.md has the same table."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from alexnet_cy.errors import ImageError
from alexnet_cy.images import decode
from alexnet_cy.images.decoding.modes import BACKGROUND


def pixel(source) -> tuple[int, int, int]:
    image = decode(source)
    assert image.mode == "RGB"
    return image.getpixel((0, 0))


def grey(mode: str, value: int | tuple[int, ...]) -> Image.Image:
    return Image.new(mode, (3, 2), value)


def palette(mode: str, entries: bytes, palette_mode: str = "RGB") -> Image.Image:
    image = Image.new(mode, (3, 2), (1, 255) if mode == "PA" else 1)
    image.putpalette(entries, palette_mode)
    return image


def lab_grey() -> Image.Image:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    return ImageCms.applyTransform(grey("RGB", (128, 128, 128)), to_lab)


MID_GREY = {
    "L": lambda: grey("L", 128),
    "LA": lambda: grey("LA", (128, 255)),
    "La": lambda: grey("LA", (128, 255)).convert("La"),
    "P": lambda: palette("P", b"\x00\x00\x00\x80\x80\x80"),
    "PA": lambda: palette("PA", b"\x00\x00\x00\x80\x80\x80"),
    "RGB": lambda: grey("RGB", (128, 128, 128)),
    "RGBX": lambda: grey("RGBX", (128, 128, 128, 0)),
    "RGBA": lambda: grey("RGBA", (128, 128, 128, 255)),
    "RGBa": lambda: grey("RGBA", (128, 128, 128, 255)).convert("RGBa"),
    "CMYK": lambda: grey("CMYK", (0, 0, 0, 127)),
    "YCbCr": lambda: grey("YCbCr", (128, 128, 128)),
    "LAB": lab_grey,
    "HSV": lambda: grey("HSV", (0, 0, 128)),
    "I;16": lambda: grey("I;16", 128 << 8 | 255),
    "I;16L": lambda: grey("I;16L", 128 << 8 | 255),
    "I;16B": lambda: grey("I;16B", 128 << 8 | 255),
}


@pytest.mark.parametrize("mode", MID_GREY)
def test_mid_grey_is_128_in_every_mode(mode):
    image = MID_GREY[mode]()
    assert image.mode == mode
    np.testing.assert_allclose(pixel(image), (128, 128, 128), atol=1 if mode == "LAB" else 0)


def test_bilevel():
    assert pixel(grey("1", 1)) == (255, 255, 255)
    assert pixel(grey("1", 0)) == (0, 0, 0)


@pytest.mark.parametrize(("mode", "kind"), [("I", "32-bit integers"), ("F", "floating point")])
def test_modes_without_a_range_are_refused(mode, kind):
    with pytest.raises(ImageError, match=rf"PIL image of mode {mode}, 3 x 2: mode {mode}.*{kind}"):
        decode(grey(mode, 128))


@pytest.mark.parametrize(
    "make",
    [
        lambda: grey("LA", (10, 0)),
        lambda: grey("RGBA", (10, 20, 30, 0)),
        lambda: grey("RGBA", (10, 20, 30, 0)).convert("RGBa"),
        lambda: palette("P", bytes([0, 0, 0, 255, 10, 20, 30, 0]), "RGBA"),
    ],
    ids=["LA", "RGBA", "RGBa", "P with RGBA palette"],
)
def test_transparent_pixels_show_the_background(make):
    assert pixel(make()) == BACKGROUND == (255, 255, 255)


def test_alpha_is_a_weighted_mean_with_the_background():
    for alpha in (0, 1, 64, 128, 200, 254, 255):
        exact = (100 * alpha + 255 * (255 - alpha)) / 255
        assert pixel(grey("RGBA", (100, 100, 100, alpha)))[0] == pytest.approx(exact, abs=0.51)


def test_opaque_alpha_changes_nothing(picture):
    image = picture(31, 17)
    opaque = image.copy()
    opaque.putalpha(255)
    np.testing.assert_array_equal(np.asarray(decode(opaque)), np.asarray(image))


def test_alpha_in_arrays():
    array = np.zeros((2, 2, 4), np.uint8)
    array[0, 0] = (9, 8, 7, 255)
    rgb = np.asarray(decode(array))
    assert tuple(rgb[0, 0]) == (9, 8, 7)
    assert (rgb[1] == 255).all()


@pytest.mark.parametrize(
    ("image", "transparency"),
    [
        (palette("P", bytes(range(6))), 1),
        (palette("P", bytes(range(6))), b"\xff\x00"),
        (grey("L", 77), 77),
        (grey("RGB", (1, 2, 3)), (1, 2, 3)),
        (grey("1", 0), 0),
    ],
    ids=["P index", "P table", "L", "RGB", "1"],
)
def test_png_transparency_chunk(encode, image, transparency):
    assert pixel(encode(image, "PNG", transparency=transparency)) == BACKGROUND
    assert pixel(encode(image, "PNG")) != BACKGROUND


def png_of_one_pixel(header: tuple[int, int], samples: bytes, *chunks: tuple[bytes, bytes]):
    """A PNG from its chunks: (bit depth, colour type), the pixel, and chunks before it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    size = (1).to_bytes(4, "big")
    parts = [
        (b"IHDR", size + size + bytes([*header, 0, 0, 0])),
        *chunks,
        (b"IDAT", zlib.compress(b"\x00" + samples)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    ("key", "expected"), [(b"\x80\x00", BACKGROUND), (b"\x80\x01", (128, 128, 128))]
)
def test_transparency_of_sixteen_bit_grey_compares_all_bits(key, expected):
    assert pixel(png_of_one_pixel((16, 0), b"\x80\x00", (b"tRNS", key))) == expected


def test_sixteen_bit_ramp_keeps_its_levels(encode):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    rgb = np.asarray(decode(encode(Image.fromarray(ramp), "PNG")))
    np.testing.assert_array_equal(rgb, np.repeat((ramp >> 8)[:, :, None], 3, 2))


def test_sixteen_bit_colour_png_keeps_the_high_byte():
    samples = bytes([200, 255, 100, 0, 50, 128])
    assert pixel(png_of_one_pixel((16, 2), samples)) == (200, 100, 50)
    assert pixel(png_of_one_pixel((16, 2), samples, (b"tRNS", samples))) == (200, 100, 50)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P5 1 1 65535\n\x80\xff", 128),
        (b"P5 1 1 4095\n\x08\x00", 128),
        (b"P2 1 1 65535\n32768", 128),
        (b"P5 1 1 255\n\x80", 128),
        (b"P5 1 1 100\n\x32", 128),
        (b"P6 1 1 255\n\x80\x80\x80", 128),
        (b"P6 1 1 65535\n\x80\x00\x80\x00\x80\x00", 128),
        (b"P3 1 1 255\n128 128 128", 128),
        (b"P4 1 1\n\x00", 255),
        (b"P1 1 1\n1", 0),
    ],
)
def test_pnm_of_every_depth(data, expected):
    assert pixel(data) == (expected,) * 3


def test_floating_point_pnm_is_refused():
    # Pillow 10.1 does not know the format, later versions read it as mode F.
    with pytest.raises(ImageError, match=r"mode F holds floating point numbers|no JPEG, PNG"):
        decode(b"Pf 1 1 -1.0\n\x00\x00\x00\x3f")


def test_cmyk_jpeg_as_adobe_writes_it(encode):
    # Pillow writes and reads the inverted form with the Adobe marker.
    data = encode(grey("CMYK", (0, 0, 0, 127)), "JPEG", quality=95)
    assert b"Adobe" in data
    np.testing.assert_allclose(pixel(data), (128, 128, 128), atol=2)
    cyan = encode(grey("CMYK", (255, 0, 0, 0)), "JPEG", quality=95)
    np.testing.assert_allclose(pixel(cyan), (0, 255, 255), atol=3)


def test_grey_jpeg(encode):
    assert pixel(encode(grey("L", 128), "JPEG")) == (128, 128, 128)


def test_a_png_profile_beyond_pillows_own_limit_is_refused(encode, picture):
    data = encode(picture(9, 9), "PNG", icc_profile=bytes(2_000_000))
    with pytest.raises(ImageError, match=r"Decompressed [Dd]ata [Tt]oo [Ll]arge"):
        decode(data)


def test_icc_profiles_are_ignored(encode, picture):
    image = picture(9, 9)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = np.asarray(decode(encode(image, "PNG")))
    for icc in (profile, b"no profile at all", b"x" * 900_000):
        np.testing.assert_array_equal(
            np.asarray(decode(encode(image, "PNG", icc_profile=icc))), plain
        )
    big = encode(image, "JPEG", icc_profile=b"x" * 200_000)  # four APP2 segments
    np.testing.assert_array_equal(
        np.asarray(decode(big)), np.asarray(Image.open(io.BytesIO(encode(image, "JPEG"))))
    )
