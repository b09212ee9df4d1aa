"""The two bilinear resizes that AlexNets were trained with, in 8 bits, of any region of the result.

A region is (top, left, height, width) in pixels of the resized image, so that a crop of a resized
image too large to hold can be computed alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Region", "opencv_bilinear", "pillow_bilinear"]

Pixels: TypeAlias = npt.NDArray[np.uint8]


class Region(NamedTuple):
    """Part of a resized image, in its pixels."""

    top: int
    left: int
    height: int
    width: int


def pillow_bilinear(image: Image.Image, size: tuple[int, int], region: Region) -> Pixels:
    """Resize as Pillow's ``BILINEAR`` does: a triangle filter, widened when shrinking (antialias).

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    size : (int, int)
        Height and width of the whole resized image.
    region : Region
        The part of it to compute. For the whole, exactly ``image.resize``; for a part within one
        level of it, because Pillow takes the corners as float32, and exact where these corners,
        in pixels of `image`, are float32 numbers.

    Returns
    -------
    uint8 array, shape (region.height, region.width, 3), RGB
    """
    from PIL.Image import Resampling

    rows_per_pixel = image.height / size[0]
    columns_per_pixel = image.width / size[1]
    box = (
        region.left * columns_per_pixel,
        region.top * rows_per_pixel,
        min((region.left + region.width) * columns_per_pixel, image.width),
        min((region.top + region.height) * rows_per_pixel, image.height),
    )
    resized = image.resize((region.width, region.height), Resampling.BILINEAR, box)
    return np.asarray(resized)


def opencv_bilinear(image: Image.Image, size: tuple[int, int], region: Region) -> Pixels:
    """Resize as ``cv::resize`` does with ``INTER_LINEAR`` on 8-bit images: no antialias.

    The fixed-point arithmetic of OpenCV (modules/imgproc/src/resize.cpp, ``HResizeLinear`` and
    ``VResizeLinear`` for uchar), S the source, weights u (columns) and v (rows) of 11 bits:

        h[y, x]   = (u0[x] S[y, x0] + u1[x] S[y, x1]) >> 4
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
    pixels: Pixels = np.asarray(image)
    rows = _taps(pixels.shape[0], size[0], region.top, region.height)
    columns = _taps(pixels.shape[1], size[1], region.left, region.width, zero_outside=True)
    left_weight = np.repeat(columns.low_weight, 3)
    right_weight = np.repeat(columns.high_weight, 3)

    def across(row_indices: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
        picked = pixels.take(row_indices, axis=0)
        left = picked.take(columns.low, axis=1).reshape(region.height, -1)
        right = picked.take(columns.high, axis=1).reshape(region.height, -1)
        return (left * left_weight + right * right_weight) >> 4

    upper = (across(rows.low) * rows.low_weight[:, np.newaxis]) >> 16
    lower = (across(rows.high) * rows.high_weight[:, np.newaxis]) >> 16
    blended = (upper + lower + 2) >> 2
    return blended.astype(np.uint8).reshape(region.height, region.width, 3)


class _Taps(NamedTuple):
    """The two source pixels of each output pixel along one axis, and their weights of 2048."""

    low: npt.NDArray[np.intp]
    high: npt.NDArray[np.intp]
    low_weight: npt.NDArray[np.int32]
    high_weight: npt.NDArray[np.int32]


def _taps(
    source_size: int, size: int, start: int, count: int, *, zero_outside: bool = False
) -> _Taps:
    """Output pixel i lies at (i + 1/2) * source_size / size - 1/2 of the source.

    Position and fraction are float32, and the scale the inverse of an inverse, as in OpenCV, which
    also lets a column outside the source count with weight 0 but not a row (`zero_outside`).
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
