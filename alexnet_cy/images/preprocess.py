"""Images to the network's input, by a preset: as floats, or as pixels and a table of floats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, SupportsIndex, cast

import numpy as np

from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.errors import ImageError
from alexnet_cy.images.decode import ImageSource, decode
from alexnet_cy.images.mean import Mean, resolve_mean
from alexnet_cy.images.presets import Preset, get_preset
from alexnet_cy.images.sources import is_one_image
from alexnet_cy.images.views import View, cut_views, resized_size

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["prepare", "preprocess"]


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
        batch. Images are decoded one at a time; an iterator is read to its end first.
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
    preset = _sized(preset, input_size)
    mean_image = resolve_mean(mean, preset)
    sources, is_single = _as_list(images)
    rows = np.empty((len(sources) * preset.views, 3, *preset.crop_size), np.float32)
    views = _views(sources, is_single, preset, exif=exif)
    for (view, resized), row in zip(views, rows, strict=True):
        _normalise(view, preset, np.broadcast_to(mean_image, (3, *resized)), out=row)
    return rows


def prepare(
    images: ImageSource | Iterable[ImageSource],
    preset: str | Preset = "caffe",
    *,
    mean: Mean = None,
    exif: bool = False,
    input_size: SupportsIndex | tuple[SupportsIndex, SupportsIndex] | None = None,
) -> PixelBatch | npt.NDArray[np.float32]:
    """Do what `preprocess` does, but leave the pixels in 8 bits where one mean serves them all.

    Parameters and errors are those of `preprocess`.

    Returns
    -------
    PixelBatch, or float32 array for a per-pixel mean
        Whose `as_floats` has the bits of `preprocess`.
    """
    preset = _sized(preset, input_size)
    mean_image = resolve_mean(mean, preset)
    if mean_image.size != 3:
        return preprocess(images, preset, mean=mean, exif=exif)
    sources, is_single = _as_list(images)
    rows = np.empty((len(sources) * preset.views, *preset.crop_size, 3), np.uint8)
    views = _views(sources, is_single, preset, exif=exif)
    for (view, _), row in zip(views, rows, strict=True):
        row[...] = view.pixels[:, ::-1] if view.mirrored else view.pixels
    channels = (2, 1, 0) if preset.channel_order == "BGR" else (0, 1, 2)
    return PixelBatch(rows, channels, _table(preset, mean_image))


def _sized(
    preset: str | Preset, input_size: SupportsIndex | tuple[SupportsIndex, SupportsIndex] | None
) -> Preset:
    preset = get_preset(preset)
    return preset if input_size is None else preset.with_input_size(input_size)


def _as_list(images: ImageSource | Iterable[ImageSource]) -> tuple[list[ImageSource], bool]:
    """Return the images, and whether it was one that stood for itself."""
    is_single = is_one_image(images)
    return list(cast("Iterable[ImageSource]", [images] if is_single else images)), is_single


def _views(
    sources: list[ImageSource], is_single: bool, preset: Preset, *, exif: bool
) -> Iterator[tuple[View, tuple[int, int]]]:
    """Decode, resize and crop one image after the other; with a view, the size it was cut from."""
    for index, source in enumerate(sources):
        try:
            image = decode(source, exif=exif)
        except (ImageError, TypeError, ValueError) as error:
            where = "images" if is_single else f"images[{index}]"
            raise type(error)(f"{where}: {error}") from error
        resized = resized_size(preset, image.height, image.width)
        for view in cut_views(image, preset):
            yield view, resized


def _table(preset: Preset, mean: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """table[c, pixel] = (pixel / divisor - mean[c]) / std[c], in the steps of `_normalise`."""
    pixels = np.arange(256, dtype=np.uint8)
    table = np.divide(pixels, np.float32(preset.divisor), dtype=np.float32) - mean.reshape(3, 1)
    scaled: npt.NDArray[np.float32] = table / np.array(preset.std, np.float32).reshape(3, 1)
    return scaled


def _normalise(
    view: View, preset: Preset, mean: npt.NDArray[np.float32], out: npt.NDArray[np.float32]
) -> None:
    """out[c, y, x] = (pixels[y, x, c] / divisor - mean[c, top + y, left + x]) / std[c]."""
    top, left, height, width = view.region
    pixels = view.pixels.transpose(2, 0, 1)
    mean = mean[:, top : top + height, left : left + width]
    if preset.channel_order == "BGR":
        pixels = pixels[::-1]
    if view.mirrored:
        pixels = pixels[:, :, ::-1]
        mean = mean[:, :, ::-1]
    np.divide(pixels, np.float32(preset.divisor), out=out, dtype=np.float32)
    np.subtract(out, mean, out=out)
    np.divide(out, np.array(preset.std, np.float32).reshape(3, 1, 1), out=out)
