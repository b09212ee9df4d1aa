"""OpenCV's bilinear resize, in 8 bits, of any region of the result.

A region is (top, left, height, width) in pixels of the resized image, so that a crop of a resized
image too large to hold can be computed alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

__all__ = ["Region", "opencv_bilinear"]

Pixels: TypeAlias = "npt.NDArray[np.uint8]"

# Rows of the result that opencv_bilinear computes at a time: at 256 columns each of its arrays is
# 96 KiB, which stays in the cache and is not mapped afresh by malloc every time.
_BLOCK_ROWS = 32

# Fewer rows where they would unpack more than this of Pillow's pixels (1 MiB in RGB). Measured for
# 4000 x 3000 pixels to 256 x 256: 12 to 20 ms from 2**18 to 2**20, 27 ms with 2**15, 97 ms unpacked
# at once, which would also hold the image twice.
_BLOCK_SOURCE_PIXELS = 2**18


class Region(NamedTuple):
    """Part of a resized image, in its pixels."""

    top: int
    left: int
    height: int
    width: int


def opencv_bilinear(image: Image.Image, size: tuple[int, int], region: Region) -> Pixels:
    """Resize as ``cv::resize`` does with ``INTER_LINEAR`` on 8-bit images: no antialias.

    The fixed-point arithmetic of OpenCV (modules/imgproc/src/resize.cpp, ``HResizeLinear`` and
    ``VResizeLinear`` for uchar), S the source, weights u (columns) and v (rows) of 11 bits:

        h[y, x] = (u0[x] S[y, x0] + u1[x] S[y, x1]) >> 4
        out[y, x] = ((v0[y] h[y0, x] >> 16) + (v1[y] h[y1, x] >> 16) + 2) >> 2

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    size : (int, int)
        Height and width of the whole resized image.
    region : Region
        The part of it to compute, exact.

    Returns
    -------
    uint8 array, shape (region.height, region.width, 3), RGB
    """
    if size == (image.height, image.width):  # every weight is 2048 or 0, and out is S
        bottom, right = region.top + region.height, region.left + region.width
        return np.asarray(image)[region.top : bottom, region.left : right]
    rows = _taps(image.height, size[0], region.top, region.height)
    columns = _taps(image.width, size[1], region.left, region.width, zero_outside=True)
    resized = np.empty((region.height, region.width, 3), np.uint8)
    source_pixels_per_row = image.width * image.height / size[0]
    block_height = min(_BLOCK_ROWS, max(1, int(_BLOCK_SOURCE_PIXELS / source_pixels_per_row)))
    for top in range(0, region.height, block_height):
        block = slice(top, top + block_height)
        _resize_rows(image, rows.part(block), columns, out=resized[block])
    return resized


class _Taps(NamedTuple):
    """The two source pixels of each output pixel along one axis, and their weights of 2048."""

    low: npt.NDArray[np.intp]
    high: npt.NDArray[np.intp]
    low_weight: npt.NDArray[np.int32]
    high_weight: npt.NDArray[np.int32]

    def part(self, block: slice) -> _Taps:
        """Those of some output pixels."""
        return _Taps(
            self.low[block], self.high[block], self.low_weight[block], self.high_weight[block]
        )


def _resize_rows(image: Image.Image, rows: _Taps, columns: _Taps, out: Pixels) -> None:
    """Compute these rows of the result, as `opencv_bilinear` says; out (rows, columns, 3)."""
    used, places = np.unique(np.concatenate([rows.low, rows.high]), return_inverse=True)
    across = _blend_columns(image, used, columns)
    upper = across.take(places[: len(out)], axis=0)
    upper *= rows.low_weight[:, np.newaxis]
    upper >>= 16
    lower = across.take(places[len(out) :], axis=0)
    lower *= rows.high_weight[:, np.newaxis]
    lower >>= 16
    upper += lower
    upper += 2
    upper >>= 2
    out[...] = upper.reshape(out.shape)


def _blend_columns(
    image: Image.Image, rows: npt.NDArray[np.intp], columns: _Taps
) -> npt.NDArray[np.int32]:
    """h[y, x] = (u0[x] S[y, x0] + u1[x] S[y, x1]) >> 4 of these rows, shape (rows, 3 * columns)."""
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    strip: Pixels = np.asarray(image.crop((0, top, image.width, bottom)))
    pixels = strip.reshape(-1, 3)
    row_starts = (rows[:, np.newaxis] - top) * image.width
    left = pixels.take(row_starts + columns.low, axis=0).reshape(len(rows), -1)
    right = pixels.take(row_starts + columns.high, axis=0).reshape(len(rows), -1)
    blended: npt.NDArray[np.int32] = np.multiply(left, np.repeat(columns.low_weight, 3))
    blended += right * np.repeat(columns.high_weight, 3)
    blended >>= 4
    return blended


def _taps(
    source_size: int, size: int, start: int, count: int, *, zero_outside: bool = False
) -> _Taps:
    """Output pixel i lies at (i + 1/2) * source_size / size - 1/2 of the source.

    Position and fraction are float32, and the scale the inverse of an inverse, as in OpenCV. At
    the edges it gives the repeated column weight 0 (`zero_outside`) and the repeated row its share.
    """
    scale = 1.0 / (size / source_size)
    positions = ((np.arange(start, start + count) + 0.5) * scale - 0.5).astype(np.float32)
    low = np.floor(positions).astype(np.intp)
    fraction = positions - low.astype(np.float32)
    last = source_size - 1
    if zero_outside:
        fraction[(low < 0) | (low >= last)] = 0
    return _Taps(
        low=low.clip(0, last),
        high=(low + 1).clip(0, last),
        low_weight=np.rint((1 - fraction) * 2048).astype(np.int32),
        high_weight=np.rint(fraction * 2048).astype(np.int32),
    )
