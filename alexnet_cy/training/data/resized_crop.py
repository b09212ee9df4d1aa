"""Crops of random size and shape, as torchvision draws and resizes them."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.images.bilinear import Region
from alexnet_cy.images.pillow_bilinear import pillow_bilinear

__all__ = ["ATTEMPTS", "draw_region", "resized_region"]

ATTEMPTS = 10
"""Tries for a crop that fits, as in torchvision's RandomResizedCrop.get_params."""


def draw_region(
    height: int,
    width: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    drawn: NDArray[np.float64],
) -> Region:
    """Draw a part of an image: pytorch/vision, transforms.RandomResizedCrop.

    The area is uniform in `scale` times that of the image, the logarithm of width over height in
    that of `ratio`, and the place among those that there are. If none of the tries fits into the
    image, it is the largest part in the middle whose shape is in `ratio`.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    scale, ratio : (float, float)
        The least and the most.
    drawn : ndarray of float64, shape (4 * ATTEMPTS,)
        Uniform in [0, 1): area, shape, row and column of each try.

    Returns
    -------
    Region
        In pixels of the image.
    """
    shapes = log(ratio[0]), log(ratio[1])
    for u_area, u_shape, u_top, u_left in drawn.reshape(ATTEMPTS, 4).tolist():
        area = height * width * (scale[0] + u_area * (scale[1] - scale[0]))
        shape = exp(shapes[0] + u_shape * (shapes[1] - shapes[0]))
        columns, rows = round(sqrt(area * shape)), round(sqrt(area / shape))
        if 0 < columns <= width and 0 < rows <= height:
            top = int(u_top * (height - rows + 1))
            left = int(u_left * (width - columns + 1))
            return Region(top, left, rows, columns)
    rows, columns = height, width
    if width / height < ratio[0]:
        rows = min(height, round(width / ratio[0]))
    elif width / height > ratio[1]:
        columns = min(width, round(height * ratio[1]))
    return Region((height - rows) // 2, (width - columns) // 2, rows, columns)


def resized_region(
    image: NDArray[np.uint8], region: Region, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Resize a part of an image as Pillow's BILINEAR does, with antialias.

    Parameters
    ----------
    image : ndarray of uint8, shape (S, T, 3)
    region : Region
        In pixels of the image.
    size : (int, int)
        Height and width of the result.

    Returns
    -------
    ndarray of uint8, shape (*size, 3)
    """
    from PIL import Image

    rows = slice(region.top, region.top + region.height)
    columns = slice(region.left, region.left + region.width)
    part = Image.fromarray(image[rows, columns])
    return pillow_bilinear(part, size, Region(0, 0, *size))
