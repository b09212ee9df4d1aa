"""Other views of an image: random crops, mirror images, colours."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_real
from alexnet_cy.images.preparation import Preparation
from alexnet_cy.training.data.random_numbers import Stream, normals, uniforms

__all__ = ["Augment", "Crop", "Pixels", "squares_preparation"]

Pixels: TypeAlias = NDArray[np.uint8]
Crop: TypeAlias = Literal["random", "centre"]

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
    crop : {"random", "centre"}
        Where the network's input is cut from the resized image. A preset that resizes straight to
        the input leaves no choice.
    flip : bool
        Whether half of the views are mirror images. Not for arrows, letters, flags.
    pca_color : float
        The standard deviation of alpha in "add p1 p2 p3 (alpha1 l1, alpha2 l2, alpha3 l3)" (paper,
        section 4.1), 0.1 there; 0 for none. The colour is rounded to whole levels of 0..255.
    """

    crop: Crop = "random"
    flip: bool = True
    pca_color: float = 0.0

    def check(self) -> Augment:
        """Return itself, or raise TypeError or ValueError that names a wrong field."""
        if self.crop not in ("random", "centre"):
            raise ValueError(f"crop: need 'random' or 'centre', got {self.crop!r}")
        if not 0 <= as_real(self.pca_color, "pca_color") < float("inf"):
            raise ValueError(f"pca_color: need a number from 0 up, got {self.pca_color!r}")
        return self

    def view(self, image: Pixels, out: Pixels, seed: int, epoch: int, index: int) -> None:
        """Cut a view.

        Parameters
        ----------
        image : ndarray of uint8, shape (S, T, 3)
            Resized, as `squares_preparation` makes it.
        out : ndarray of uint8, shape (H, W, 3)
            No larger.
        seed, epoch, index : int
            The view is a function of these: `index` is the place of the image in the data set.
        """
        free = image.shape[0] - out.shape[0], image.shape[1] - out.shape[1]
        top, left = free[0] // 2, free[1] // 2
        if self.crop == "random":
            drawn = uniforms(seed, Stream.CROP, 2, index, epoch)
            top, left = int(drawn[0] * (free[0] + 1)), int(drawn[1] * (free[1] + 1))
        part = image[top : top + out.shape[0], left : left + out.shape[1]]
        if self.flip and uniforms(seed, Stream.FLIP, 1, index, epoch)[0] < 0.5:
            part = part[:, ::-1]
        if self.pca_color:
            push = normals(seed, Stream.COLOUR, 3, index, epoch) * self.pca_color * COLOUR_VALUES
            shift = np.rint(255 * (COLOUR_VECTORS @ push)).astype(np.int16)
            out[...] = np.clip(part + shift, 0, 255)
        else:
            out[...] = part


def squares_preparation(preparation: Preparation) -> Preparation:
    """Return the preparation that resizes alike and cuts as much as it can: what views are cut of.

    The whole image of a preset that warps; the square in the middle of one that resizes the
    shorter side, which is what the paper cut its views of.

    Raises
    ------
    ValueError
        The preparation has a mean of its own for every pixel, or ten views.
    """
    preset = preparation.preset
    if preparation.mean.size != len(preparation.mean):
        raise ValueError("mean: training needs one number for each channel, not a mean image")
    if preset.views != 1:
        raise ValueError(f"preset: training needs one view of an image, {preset.name!r} has ten")
    if preset.resize_size is not None:
        preset = replace(preset, crop_size=(preset.resize_size, preset.resize_size))
    return Preparation(preset, preparation.mean, preparation.exif)
