"""Other views of an image: random crops, mirror images, colours."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_real
from alexnet_cy.images.bilinear import Region
from alexnet_cy.images.preparation import Preparation
from alexnet_cy.images.views import View
from alexnet_cy.training.data.random_numbers import Stream, normals, uniforms
from alexnet_cy.training.data.resized_crop import ATTEMPTS, draw_region, resized_region

__all__ = ["CROPS", "Augment", "Crop", "Pixels", "squares_preparation"]

Pixels: TypeAlias = NDArray[np.uint8]
Crop: TypeAlias = Literal["random", "resized", "centre"]

CROPS: tuple[Crop, ...] = ("random", "resized", "centre")

# Principal components of the colours of ImageNet's pixels, of 0..1, columns p1 p2 p3 for rows red,
# green, blue, and their values: facebook/fb.resnet.torch, datasets/imagenet.lua, which nearly
# everybody has taken over. The paper (section 4.1) prints none.
COLOUR_VECTORS = np.array(
    [
        [-0.5675, 0.7192, 0.4009],
        [-0.5808, -0.0045, -0.8140],
        [-0.5836, -0.6948, 0.4203],
    ]
)
COLOUR_VALUES = np.array([0.2175, 0.0188, 0.0045])


@record(frozen=True, slots=True)
class Augment:
    """How the views differ that a network sees of an image in training.

    Attributes
    ----------
    crop : {"random", "resized", "centre"}
        Where the network's input is cut from the resized image: anywhere, or in the middle; a
        preset that resizes straight to the input leaves no choice. "resized" is a part of random
        size, shape and place, which is resized to the input: torchvision's RandomResizedCrop.
    flip : bool
        Whether half of the views are mirror images. Not for arrows, letters, flags.
    pca_color : float
        The standard deviation of alpha in "add p1 p2 p3 (alpha1 l1, alpha2 l2, alpha3 l3)" (paper,
        section 4.1), 0.1 there; 0 for none. The colour is rounded to whole levels of 0..255.
    scale : (float, float)
        Of "resized": the least and the largest part of the resized image's area, in (0, 1].
    ratio : (float, float)
        Of "resized": the least and the largest width over height.
    """

    crop: Crop = "random"
    flip: bool = True
    pca_color: float = 0.0
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def check(self) -> Augment:
        """Return itself, or raise TypeError or ValueError that names a wrong field."""
        if self.crop not in CROPS:
            raise ValueError(f"crop: need one of {', '.join(CROPS)}, got {self.crop!r}")
        if not 0 <= as_real(self.pca_color, "pca_color") < float("inf"):
            raise ValueError(f"pca_color: need a number from 0 up, got {self.pca_color!r}")
        for name, most in (("scale", 1.0), ("ratio", float("inf"))):
            least, largest = _two_numbers(getattr(self, name), name)
            if not 0 < least <= largest <= most:
                raise ValueError(
                    f"{name}: need two ascending numbers above 0"
                    f"{', 1 at most' if name == 'scale' else ''}, got {getattr(self, name)!r}"
                )
        return self

    def describe_crop(self) -> str:
        """Return the crop and its values, for people to read."""
        if self.crop != "resized":
            return self.crop
        (least, most), (narrow, wide) = self.scale, self.ratio
        return (
            f"resized, {least:g} to {most:g} of the area, width over height {narrow:.3g} to "
            f"{wide:.3g}"
        )

    def cut(self, image: Pixels, size: tuple[int, int], seed: int, epoch: int, index: int) -> View:
        """Cut a view, for `Preparation.fill_row`.

        Parameters
        ----------
        image : ndarray of uint8, shape (S, T, 3)
            Resized, as `squares_preparation` makes it.
        size : (int, int)
            Height and width of the view; no larger than the image, but for "resized".
        seed, epoch, index : int
            The view is a function of these: `index` is the place of the image in the data set.
        """
        pixels, region = self._part(image, size, seed, epoch, index)
        mirrored = self.flip and bool(uniforms(seed, Stream.FLIP, 1, index, epoch)[0] < 0.5)
        if self.pca_color:
            push = normals(seed, Stream.COLOUR, 3, index, epoch) * self.pca_color * COLOUR_VALUES
            shift = np.rint(255 * (COLOUR_VECTORS @ push)).astype(np.int16)
            pixels = np.clip(pixels + shift, 0, 255).astype(np.uint8)
        return View(pixels, region, mirrored)

    def _part(
        self, image: Pixels, size: tuple[int, int], seed: int, epoch: int, index: int
    ) -> tuple[Pixels, Region]:
        """Return the part of the image that is seen, in the size of the view, and where it was."""
        height, width = image.shape[:2]
        if self.crop == "resized":
            drawn = uniforms(seed, Stream.CROP, 4 * ATTEMPTS, index, epoch)
            region = draw_region(height, width, self.scale, self.ratio, drawn)
            return resized_region(image, region, size), region
        free = height - size[0], width - size[1]
        top, left = free[0] // 2, free[1] // 2
        if self.crop == "random":
            drawn = uniforms(seed, Stream.CROP, 2, index, epoch)
            top, left = int(drawn[0] * (free[0] + 1)), int(drawn[1] * (free[1] + 1))
        return image[top : top + size[0], left : left + size[1]], Region(top, left, *size)


def _two_numbers(values: object, name: str) -> tuple[float, float]:
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise TypeError(f"{name}: need two numbers, got {values!r}")
    return as_real(values[0], name), as_real(values[1], name)


def squares_preparation(preparation: Preparation, augment: Augment) -> Preparation:
    """Return the preparation that resizes alike and cuts as much as it can: what views are cut of.

    The whole image of a preset that warps; the square in the middle of one that resizes the
    shorter side, which is what the paper cut its views of. Its rows are pixels.

    Parameters
    ----------
    preparation : Preparation
    augment : Augment
        How views will be cut.

    Raises
    ------
    ValueError
        The preset has ten views; or there is a mean image, and views are resized, so that their
        pixels are none of its.
    """
    preset = preparation.preset
    if preset.views != 1:
        raise ValueError(f"preset: training needs one view of an image, {preset.name!r} has ten")
    if augment.crop == "resized" and not preparation.one_mean:
        raise ValueError(
            "mean: crops that are resized need one number for each channel, not a mean image; "
            "crop 'random' takes one"
        )
    if preset.resize_size is not None:
        preset = replace(preset, crop_size=(preset.resize_size, preset.resize_size))
    return Preparation(preset, np.zeros((preset.channels, 1, 1), np.float32), preparation.exif)
