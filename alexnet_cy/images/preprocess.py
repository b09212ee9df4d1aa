"""Images to the network's input, by a preset: as floats, or as pixels and a table of floats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.images.batches import read_batches
from alexnet_cy.images.decoding.decode import ImageSource
from alexnet_cy.images.mean import Mean
from alexnet_cy.images.preparation import NetworkInput, Preparation, make_preparation
from alexnet_cy.images.preset import Preset

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["floats_of", "prepare", "preprocess"]


def preprocess(
    images: ImageSource | Iterable[ImageSource],
    preset: str | Preset = "caffe",
    *,
    mean: Mean = None,
    exif: bool = False,
    input_size: SupportsIndex | tuple[SupportsIndex, SupportsIndex] | None = None,
) -> npt.NDArray[np.float32]:
    """Decode, resize, crop and normalise images.

    Parameters
    ----------
    images : one image, or a list, tuple, iterator or other ordered collection of them
        An image is whatever `alexnet_cy.images.decode` takes. A uint8 array (N, H, W, C) is a
        batch. Images are decoded one at a time.
    preset : str or Preset, default "caffe"
        A name in `PRESETS`, or a preset.
    mean : None, 3 numbers, array (3, H, W) or path of a .npy file of one, optional
        In place of the preset's mean, in its channel order, for presets that only subtract a mean
        from pixels 0..255 (``caffe``, ``caffe-10crop``, ``warp``). A per-pixel mean has the size
        that the preset warps to, (3, 256, 256) for ``caffe`` and ``caffe-10crop``, and is cropped
        and mirrored with the image, as Caffe's data layer does (src/caffe/data_transformer.cpp).
    exif : bool, default False
        Turn images upright by their Exif orientation.
    input_size : int or (int, int), optional
        Pixels, square or (height, width), in place of the preset's crop or warp target.

    Returns
    -------
    float32 array, shape (N, 3, H, W), C-contiguous
        (10 N, 3, H, W) for a ten-crop preset: ten rows per image, images in order. N may be 0.

    Raises
    ------
    ImageError
        An image cannot be read; in a collection the message begins with ``images[i]:``.
    TypeError, ValueError
        An argument of another kind, or out of range; the message names it.
    """
    preparation = make_preparation(preset, mean=mean, exif=exif, input_size=input_size)
    return floats_of(images, preparation)


def floats_of(
    images: ImageSource | Iterable[ImageSource], preparation: Preparation
) -> npt.NDArray[np.float32]:
    """Do what `preprocess` does by a preparation that is made already."""
    x = _prepared(images, preparation)
    return x.as_floats() if isinstance(x, PixelBatch) else x


def prepare(
    images: ImageSource | Iterable[ImageSource],
    preset: str | Preset = "caffe",
    *,
    mean: Mean = None,
    exif: bool = False,
    input_size: SupportsIndex | tuple[SupportsIndex, SupportsIndex] | None = None,
) -> NetworkInput:
    """Do what `preprocess` does, but leave the pixels in 8 bits where one mean serves them all.

    Parameters and errors are those of `preprocess`.

    Returns
    -------
    PixelBatch, or float32 array for a per-pixel mean
        Whose `as_floats` has the bits of `preprocess`.
    """
    preparation = make_preparation(preset, mean=mean, exif=exif, input_size=input_size)
    return _prepared(images, preparation)


def _prepared(
    images: ImageSource | Iterable[ImageSource], preparation: Preparation
) -> NetworkInput:
    parts = [batch.x for batch in read_batches(images, preparation, threads=1)]
    if not parts:
        return preparation.network_input(preparation.empty_rows(0))
    pixels = [part for part in parts if isinstance(part, PixelBatch)]
    if pixels:
        return PixelBatch.join(pixels)
    return np.concatenate([part for part in parts if not isinstance(part, PixelBatch)])
