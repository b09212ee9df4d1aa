"""Headers of PNM files: of any length that a program writes, and no longer."""

import io

import numpy as np
import pytest

from alexnet_cy import ImageError
from alexnet_cy.images.decoding.decode import decode
from alexnet_cy.images.decoding.pnm import MAX_COMMENTS, MAX_HEADER_BYTES

PIXELS = bytes(range(48))


def comment(size):
    return b"#" + b"x" * (size - 2) + b"\n"


@pytest.mark.parametrize(
    "header",
    [
        b"P6\n4 4\n255\n",
        b"P6 " + comment(50_000) + b"4 4 255\n",
        b"P6 4 " + comment(9) + b"4 " + comment(9) + comment(1000) + b"255\n",
    ],
)
def test_headers_that_end(header):
    found = np.asarray(decode(header + PIXELS))
    np.testing.assert_array_equal(found.ravel(), np.frombuffer(PIXELS, np.uint8))


def test_pixels_that_look_like_more_of_the_header():
    pixels = b" " * (256 * 256)
    assert decode(b"P5 256 256 255\n" + pixels).getextrema() == ((32, 32),) * 3


class CountedBytes(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size=-1):
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize("magic", [b"P1", b"P3", b"P4", b"P5", b"P6", b"Pf"])
@pytest.mark.parametrize("filling", [comment(4 << 20), b" " * (4 << 20)])
def test_headers_that_do_not_end_are_refused_at_once(magic, filling):
    file = CountedBytes(magic + b"\n4 " + filling + b" 4 255\n" + PIXELS)
    with pytest.raises(ImageError, match=f"more than {MAX_HEADER_BYTES} bytes"):
        decode(file)
    assert file.count < 2 * MAX_HEADER_BYTES


@pytest.mark.parametrize("count", [MAX_COMMENTS, MAX_COMMENTS + 1])
def test_comments_among_the_pixels(count):
    content = b"P2 2 1 255\n" + b"# x\n" * count + b"7 9\n"
    if count <= MAX_COMMENTS:
        assert decode(content).getextrema() == ((7, 9),) * 3
    else:
        with pytest.raises(ImageError, match=f"more than {MAX_COMMENTS} comments"):
            decode(content)


def test_other_files_are_left_alone():
    with pytest.raises(ImageError, match="no JPEG, PNG"):
        decode(b"Pa" + comment(MAX_HEADER_BYTES))
    with pytest.raises(ImageError, match="empty"):
        decode(b"")
