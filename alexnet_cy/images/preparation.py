"""Preparation of images for the network: a preset, a mean and an orientation, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex, TypeAlias

import numpy as np

from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.images.decoding.decode import ImageSource, decode
from alexnet_cy.images.mean import Mean, resolve_mean
from alexnet_cy.images.preset import Preset
from alexnet_cy.images.presets import get_preset
from alexnet_cy.images.views import View, cut_views

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["NetworkInput", "Preparation", "Rows", "make_preparation"]

NetworkInput: TypeAlias = "PixelBatch | npt.NDArray[np.float32]"
"""(N, 3, H, W): pixels with a table of floats, or the floats themselves."""

Rows: TypeAlias = "npt.NDArray[np.uint8] | npt.NDArray[np.float32]"
"""Views before they are a `NetworkInput`: (N, H, W, 3) of uint8, or (N, 3, H, W) of float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """One way from images to the network's input, made by `make_preparation`.

    The pixels stay in 8 bits where one mean serves them all; the network looks the floats up
    (`PixelBatch`). A mean of its own for every pixel needs floats at once.

    Attributes
    ----------
    preset : Preset
        For the input size that was wanted.
    mean : float32 array, shape (C, 1, 1) or (C, H, W)
        In the preset's channel order, (H, W) being the size it warps to.
    exif : bool
        Whether images are turned upright by their Exif orientation.
    """

    preset: Preset
    mean: npt.NDArray[np.float32]
    exif: bool

    def empty_rows(self, n_images: int) -> Rows:
        """Return memory for the views of some images, for `fill_rows` and `network_input`."""
        n_views, crop_size = n_images * self.preset.views, self.preset.crop_size
        if self.one_mean:
            return np.empty((n_views, *crop_size, 3), np.uint8)
        return np.empty((n_views, self.preset.channels, *crop_size), np.float32)

    def fill_rows(self, source: ImageSource, rows: Rows) -> None:
        """Decode, resize and crop one image into its rows.

        Parameters
        ----------
        source : path, bytes, file, PIL image or uint8 array
            As `alexnet_cy.images.decode` takes it.
        rows : ndarray
            As many of `empty_rows` as the preset has views. Threads may fill others meanwhile.

        Raises
        ------
        ImageError
            The image cannot be read or is refused.
        TypeError, ValueError
            The source is nothing that an image can be read from.
        """
        image = decode(source, exif=self.exif)
        if self.preset.channel_order == "grey":
            image = image.convert("L").convert("RGB")
        for view, row in zip(cut_views(image, self.preset), rows, strict=True):
            self.fill_row(view, row)

    def fill_row(self, view: View, row: Rows) -> None:
        """Write one view into its row, with its part of a mean image subtracted.

        Parameters
        ----------
        view : View
            Of an image that was resized as the preset says.
        row : ndarray
            Of `empty_rows`.
        """
        if self.one_mean:
            row[...] = view.pixels[:, ::-1] if view.mirrored else view.pixels
        else:
            _normalise(view, self.preset, self.mean, row.view(np.float32))

    def network_input(self, rows: Rows) -> NetworkInput:
        """Return filled rows as the network takes them; nothing is copied."""
        if not self.one_mean:
            return rows.view(np.float32)
        channels = {"BGR": (2, 1, 0), "RGB": (0, 1, 2), "grey": (0,)}[self.preset.channel_order]
        return PixelBatch(rows.view(np.uint8), channels, _table(self.preset, self.mean))

    @property
    def one_mean(self) -> bool:
        """Whether all pixels of a channel have the same mean."""
        return self.mean.size == len(self.mean)


def make_preparation(
    preset: str | Preset = "caffe",
    *,
    mean: Mean = None,
    exif: bool = False,
    input_size: SupportsIndex | tuple[SupportsIndex, SupportsIndex] | None = None,
    channels: int = 3,
) -> Preparation:
    """Check how images are to be prepared, and read the mean if it is a file.

    Parameters
    ----------
    preset, mean, exif, input_size
        As for `alexnet_cy.images.preprocess`.
    channels : int
        Of the network's input: 3, or 1 for grey images.

    Raises
    ------
    TypeError, ValueError
        An argument of another kind, or out of range; the message names it.
    """
    sized = get_preset(preset)
    if input_size is not None:
        sized = sized.with_input_size(input_size)
    if channels == 1:
        sized = sized.grey()
    if channels != sized.channels:
        raise ValueError(
            f"images have 3 channels, or 1 if they are grey; preset {sized.name!r} has "
            f"{sized.channels}, the network takes {channels}: pass arrays to forward"
        )
    return Preparation(sized, resolve_mean(mean, sized), bool(exif))


def _table(preset: Preset, mean: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """table[c, pixel] = (pixel / divisor - mean[c]) / std[c], in the steps of `_normalise`."""
    pixels = np.arange(256, dtype=np.uint8)
    table = np.divide(pixels, np.float32(preset.divisor), dtype=np.float32) - mean.reshape(-1, 1)
    scaled: npt.NDArray[np.float32] = table / np.array(preset.std, np.float32).reshape(-1, 1)
    return scaled


def _normalise(
    view: View, preset: Preset, mean: npt.NDArray[np.float32], out: npt.NDArray[np.float32]
) -> None:
    """out[c, y, x] = (pixels[y, x, c] / divisor - mean[c, top + y, left + x]) / std[c]."""
    top, left, height, width = view.region
    pixels = view.pixels.transpose(2, 0, 1)[: preset.channels]
    mean = mean[:, top : top + height, left : left + width]
    if preset.channel_order == "BGR":
        pixels = pixels[::-1]
    if view.mirrored:
        pixels = pixels[:, :, ::-1]
        mean = mean[:, :, ::-1]
    np.divide(pixels, np.float32(preset.divisor), out=out, dtype=np.float32)
    np.subtract(out, mean, out=out)
    np.divide(out, np.array(preset.std, np.float32).reshape(-1, 1, 1), out=out)
