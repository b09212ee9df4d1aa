"""From what users have to what the trunk takes: bytes with a table of floats, or floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array, as_array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.contracts.scalars import as_real

__all__ = ["DataRange", "Pixels", "Scaling", "as_range", "size_of"]

DataRange: TypeAlias = tuple[float, float]

Pixels: TypeAlias = "NDArray[np.uint8] | Float32Array"
"""One image: (H, W, 3) of uint8, or (3, H, W) of float32 as the trunk takes them."""

# PerceptualSimilarity, lpips/lpips.py, ScalingLayer, for values in [-1, 1]. They are torchvision's
# mean and standard deviation, 2 mean - 1 and 2 std.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


def size_of(pixels: Pixels) -> tuple[int, int]:
    """Return height and width."""
    height, width = pixels.shape[:2] if pixels.dtype == np.uint8 else pixels.shape[1:]
    return height, width


def as_range(data_range: Any) -> DataRange:
    """Check the argument `data_range`: two finite numbers, the smaller one first."""
    try:
        first, second = data_range
    except (TypeError, ValueError):
        raise TypeError(
            f"data_range: need (low, high), such as (0, 1) or (-1, 1), got {data_range!r}"
        ) from None
    low, high = as_real(first, "data_range"), as_real(second, "data_range")
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"data_range: need finite numbers with low < high, got {data_range!r}")
    return low, high


class Scaling:
    """What a version of LPIPS makes of pixels before the first convolution.

    x, in [-1, 1], becomes (x - shift) / scale in version 0.1, and stays x in version 0.0.

    Parameters
    ----------
    version : {"0.1", "0.0"}
    """

    def __init__(self, version: str) -> None:
        shift, scale = (SHIFT, SCALE) if version == "0.1" else ((0.0,) * 3, (1.0,) * 3)
        self._shift = np.array(shift)
        self._scale = np.array(scale)
        factor, offset = self._line((0, 255))
        self._table = (factor[:, None] * np.arange(256) + offset[:, None]).astype(np.float32)

    def _line(self, data_range: DataRange) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a and b for each channel, of which a x + b is (y - shift) / scale.

        y is x brought to [-1, 1]: 2 (x - low) / (high - low) - 1.
        """
        low, high = data_range
        factor = 2 / (high - low) / self._scale
        return factor, -factor * low - (1 + self._shift) / self._scale

    def _scaled(self, x: NDArray[np.floating[Any]], data_range: DataRange) -> Float32Array:
        """Scale x, (3, H, W), in float32 and without memory for anything in between."""
        scaled: Float32Array = np.empty(x.shape, np.float32)
        for channel, out, factor, offset in zip(x, scaled, *self._line(data_range), strict=True):
            np.multiply(channel, factor, out=out, casting="same_kind")
            out += np.float32(offset)
        return scaled

    def read(self, image: Any, name: str, data_range: DataRange | None) -> Pixels:
        """Return one image, decoded and checked.

        Parameters
        ----------
        image : path, bytes, file, PIL image, uint8 array (H, W, 3), or floats
            Floats are (3, H, W) or (H, W, 3).
        name : str
            What errors call it.
        data_range : (float, float), optional
            What black and white are in arrays of floats.
        """
        from alexnet_cy.errors import ImageError
        from alexnet_cy.images.decoding.decode import decode

        if is_array(image):
            array = np.asarray(as_array(image, name))
            if array.dtype != np.uint8:
                return self._floats(array, name, data_range)
            if array.ndim == 3 and array.shape[2] == 3:
                return array  # nothing to decode, and nothing to copy
            image = array
        try:
            return np.asarray(decode(image))
        except (ImageError, TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from error

    def _floats(self, array: NDArray[Any], name: str, data_range: DataRange | None) -> Float32Array:
        if array.dtype.kind != "f":
            raise TypeError(
                f"{name}: need an image file, a PIL image, uint8 or floats, got {array.dtype.name}"
            )
        if data_range is None:
            raise TypeError(
                f"{name}: floats need data_range=, the values of black and white: (0, 1), (-1, 1) "
                f"or (0, 255); these go from {array.min(initial=np.inf):.4g} to "
                f"{array.max(initial=-np.inf):.4g}"
            )
        if array.ndim != 3 or 3 not in (array.shape[0], array.shape[2]):
            raise ValueError(
                f"{name}: need (3, H, W) or (H, W, 3), red, green and blue, got shape "
                f"{array.shape}; repeat one channel three times, lay alpha over a background"
            )
        if array.shape[0] != 3:
            array = array.transpose(2, 0, 1)
        low, high = data_range
        smallest, largest = array.min(initial=high), array.max(initial=low)
        if not (smallest >= low and largest <= high):
            raise ValueError(
                f"{name}: values go from {smallest:.6g} to {largest:.6g}, outside data_range "
                f"({low:g}, {high:g}); give the range they have, or clip them"
            )
        return self._scaled(array, data_range)

    def batch(self, images: Sequence[Pixels]) -> PixelBatch | Float32Array:
        """Return images of one size as the trunk takes them; bytes stay bytes if all are."""
        if all(image.dtype == np.uint8 for image in images):
            return self._pixel_batch(images)
        floats = [
            self._pixel_batch([image]).as_floats()[0] if image.dtype == np.uint8 else image
            for image in images
        ]
        return np.ascontiguousarray(np.stack(floats), np.float32)

    def _pixel_batch(self, images: Sequence[Pixels]) -> PixelBatch:
        return PixelBatch(np.ascontiguousarray(np.stack(images), np.uint8), (0, 1, 2), self._table)


def is_array(image: object) -> bool:
    """Tell arrays, those of other libraries too, from files and PIL images."""
    if isinstance(image, (str, bytes)):  # NumPy's too, which have all that arrays have
        return False
    return isinstance(image, np.ndarray) or (
        hasattr(image, "__array__") and hasattr(image, "ndim") and hasattr(image, "dtype")
    )
