"""Pillow's bilinear resize of RGB images, bit for bit, of any region of the result.

Pillow computes the whole result; a preset needs the crop in the middle of it. Here only the crop is
computed, by kernels of this package.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from alexnet_cy.images.bilinear import Region
from alexnet_cy.kernels.images._resample import resample_columns, resample_rows
from alexnet_cy.machine.levels import active_kernels

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

__all__ = ["pillow_bilinear"]

# Bits behind the point of Pillow's weights (PRECISION_BITS of src/libImaging/Resample.c).
_WEIGHT_BITS = 22

# Source pixels that are unpacked at a time: 1 MiB, so that a large photograph is not held twice.
_STRIP_PIXELS = 2**18

# Axes that are kept: images of a collection often have one size, or a few.
_KEPT_AXES = 64

Pixels: TypeAlias = "npt.NDArray[np.uint8]"
_Integers: TypeAlias = "npt.NDArray[np.int32]"


class _Axis(NamedTuple):
    """The weighted sums along one axis; input pixels are counted from `start`, up to `stop`."""

    first: _Integers  # (outputs,)
    length: _Integers
    weight: _Integers  # (outputs, taps)
    start: int
    stop: int


def pillow_bilinear(image: Image.Image, size: tuple[int, int], region: Region) -> Pixels:
    """Resize as Pillow's ``BILINEAR`` does: a triangle filter, widened when shrinking (antialias).

    One axis after the other, each rounded to 8 bits, with the weights of `_axis`.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    size : (int, int)
        Height and width of the whole resized image.
    region : Region
        The part of it to compute: exactly that part of ``image.resize``.

    Returns
    -------
    uint8 array, shape (region.height, region.width, 3), RGB
    """
    from PIL.Image import Resampling

    bottom, right = region.top + region.height, region.left + region.width
    if size == (image.height, image.width):
        return np.asarray(image.crop((region.left, region.top, right, bottom)))
    if region == (0, 0, *size):  # Pillow itself is the fastest way to all of it
        return np.asarray(image.resize(size[::-1], Resampling.BILINEAR))
    rows = _axis(image.height, size[0], region.top, region.height)
    columns = _axis(image.width, size[1], region.left, region.width)
    resize = _down_then_across if _is_down_first(image, size) else _across_then_down
    return resize(image, rows, columns)


def _is_down_first(image: Image.Image, size: tuple[int, int]) -> bool:
    """Whether the installed Pillow resizes along columns first; the order moves the rounding.

    From version 13.0 on it does so where the height shrinks by more than twice as many pixels as
    the width (ImagingResampleInner); before, never.
    """
    from PIL import __version__

    fewer_rows, fewer_columns = image.height - size[0], image.width - size[1]
    return int(__version__.partition(".")[0]) >= 13 and fewer_rows > max(0, 2 * fewer_columns)


def _across_then_down(image: Image.Image, rows: _Axis, columns: _Axis) -> Pixels:
    kernels, n_columns = active_kernels(), columns.stop - columns.start
    narrow = np.empty((rows.stop - rows.start, len(columns.first), 3), np.uint8)
    strip = max(1, _STRIP_PIXELS // n_columns)
    for top in range(rows.start, rows.stop, strip):
        part = _pixels(image, columns.start, top, columns.stop, min(top + strip, rows.stop))
        place = narrow[top - rows.start : top - rows.start + len(part)]
        resample_columns(kernels, part, columns.first, columns.length, columns.weight, place)
    resized = np.empty((len(rows.first), *narrow.shape[1:]), np.uint8)
    flat = resized.reshape(len(resized), -1)
    taken = narrow.reshape(len(narrow), -1)
    resample_rows(kernels, taken, rows.first, rows.length, rows.weight, flat)
    return resized


def _down_then_across(image: Image.Image, rows: _Axis, columns: _Axis) -> Pixels:
    kernels, n_rows = active_kernels(), rows.stop - rows.start
    low = np.empty((len(rows.first), columns.stop - columns.start, 4), np.uint8)
    strip = max(1, _STRIP_PIXELS // n_rows)
    for left in range(columns.start, columns.stop, strip):
        part = _pixels(image, left, rows.start, min(left + strip, columns.stop), rows.stop)
        place = np.empty((len(low), part.shape[1] * 4), np.uint8)
        taken = part.reshape(n_rows, -1)
        resample_rows(kernels, taken, rows.first, rows.length, rows.weight, place)
        first = left - columns.start
        low[:, first : first + part.shape[1]] = place.reshape(len(low), -1, 4)
    resized = np.empty((len(low), len(columns.first), 3), np.uint8)
    resample_columns(kernels, low, columns.first, columns.length, columns.weight, resized)
    return resized


def _pixels(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Pixels:
    """Return a part of an image as Pillow holds it, four bytes a pixel: (height, width, 4)."""
    part = image.crop((left, top, right, bottom)).tobytes("raw", "RGBX")
    return np.frombuffer(part, np.uint8).reshape(bottom - top, right - left, 4)


@lru_cache(_KEPT_AXES)
def _axis(source_size: int, size: int, start: int, count: int) -> _Axis:
    """Output pixel i is the mean of the input around its centre, weighted by a triangle.

        scale = source_size / size,   width = max(scale, 1),   centre = (i + 1/2) scale
        weight[x] = 1 - |x + 1/2 - centre| / width,   x from centre - width to centre + width

    divided by their sum, and rounded to multiples of 2^-22; all in float64, step by step as in
    Pillow (src/libImaging/Resample.c, precompute_coeffs and normalize_coeffs_8bpc).
    """
    scale = source_size / size
    width = max(scale, 1.0)
    centres = (np.arange(start, start + count) + 0.5) * scale
    first = np.maximum((centres - width + 0.5).astype(np.int64), 0)
    end = np.minimum((centres + width + 0.5).astype(np.int64), source_size)
    taps = 2 * math.ceil(width) + 1
    places = np.arange(taps)
    x = first[:, np.newaxis] + places
    distance = np.abs((x - centres[:, np.newaxis] + 0.5) * (1.0 / width))
    weight = np.where(distance < 1.0, 1.0 - distance, 0.0)
    weight[places >= (end - first)[:, np.newaxis]] = 0.0
    # The sum in the order of the pixels, which NumPy's own sum does not keep.
    weight /= weight.cumsum(axis=1)[:, -1:]
    rounded = (0.5 + weight * (1 << _WEIGHT_BITS)).astype(np.int32)
    lowest, highest = int(first[0]), int(end[-1])
    return _Axis(
        (first - lowest).astype(np.int32),
        (end - first).astype(np.int32),
        rounded,
        lowest,
        highest,
    )
