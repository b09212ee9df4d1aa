"""From an RGB image to the crops that a preset takes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from alexnet_cy.errors import ImageError
from alexnet_cy.images.bilinear import Region, opencv_bilinear
from alexnet_cy.images.pillow_bilinear import pillow_bilinear
from alexnet_cy.images.preset import Preset

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

__all__ = ["MAX_RESIZED_PIXELS", "View", "cut_views", "resized_size"]

MAX_RESIZED_PIXELS = 2**24
"""Largest resized image that is held whole, in pixels: 64 MiB in Pillow's RGB. With a short side of
256 it is passed at an aspect ratio of 256 : 1; beyond it each crop is computed alone."""


class View(NamedTuple):
    """One crop of a resized image."""

    pixels: npt.NDArray[np.uint8]  # (height, width, 3), RGB, not mirrored
    region: Region
    mirrored: bool  # left and right are still to be exchanged


def resized_size(preset: Preset, height: int, width: int) -> tuple[int, int]:
    """Height and width that the preset resizes an image to, in pixels.

    Parameters
    ----------
    preset : Preset
    height, width : int
        Of the image, in pixels.

    Returns
    -------
    (int, int)
        For "short-side", torchvision's rule: the longer side is int(size * long / short).
    """
    size = preset.resize_size
    if size is None:
        return preset.crop_size
    if preset.resize == "warp":
        return size, size
    if width <= height:
        return int(size * height / width), size
    return size, int(size * width / height)


def cut_views(image: Image.Image, preset: Preset) -> Iterator[View]:
    """Resize and crop one image.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    preset : Preset

    Yields
    ------
    View
        `preset.views` of them, in the preset's order.

    Raises
    ------
    ImageError
        The preset takes images as they are, and this one is of another size.
    """
    if preset.resize == "none":
        height, width = preset.crop_size
        if (image.height, image.width) != preset.crop_size:
            raise ImageError(
                f"{image.height} x {image.width} pixels (height x width): preset {preset.name!r} "
                f"takes images of {height} x {width} as they are"
            )
        yield View(np.asarray(image), Region(0, 0, height, width), False)
        return
    sample = opencv_bilinear if preset.resampling == "opencv-bilinear" else pillow_bilinear
    size = resized_size(preset, image.height, image.width)
    placements = _placements(preset, *size)
    if len(placements) == 1 or size[0] * size[1] > MAX_RESIZED_PIXELS:
        for region, mirrored in placements:
            yield View(sample(image, size, region), region, mirrored)
        return
    whole = sample(image, size, Region(0, 0, *size))
    for region, mirrored in placements:
        rows = slice(region.top, region.top + region.height)
        columns = slice(region.left, region.left + region.width)
        yield View(whole[rows, columns], region, mirrored)


def _placements(preset: Preset, height: int, width: int) -> list[tuple[Region, bool]]:
    """Region and mirroring of each view in a resized image of this size."""
    crop_height, crop_width = preset.crop_size
    bottom, right = height - crop_height, width - crop_width
    if preset.crop_rounding == "floor":
        centre = bottom // 2, right // 2
    else:
        centre = round(bottom / 2), round(right / 2)
    if preset.crops == "centre":
        offsets = [centre]
    else:
        offsets = [(0, 0), (0, right), (bottom, 0), (bottom, right), centre]
    plain = [(Region(top, left, crop_height, crop_width), False) for top, left in offsets]
    if preset.crops == "centre":
        return plain
    if preset.crops == "pycaffe-10":
        return plain + [(region, True) for region, _ in plain]
    # A crop at column `left` of the mirrored image is the mirrored crop at `right - left`.
    return plain + [(region._replace(left=right - region.left), True) for region, _ in plain]
