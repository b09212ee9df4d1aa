"""One image or many: what an argument `images` stands for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from alexnet_cy.images.decode import ImageSource

__all__ = ["is_one_image"]


def is_one_image(images: ImageSource | Iterable[ImageSource]) -> bool:
    """Distinguish one image from a collection.

    A uint8 array (N, H, W, C) is a collection, any other array one image; so are paths, bytes,
    open files and PIL images. Everything else that can be iterated over is a collection.

    Raises
    ------
    TypeError
        A mapping or a set: their images have no order.
    """
    if isinstance(images, (Mapping, Set)):
        raise TypeError(f"images: {type(images).__name__} has no order; pass a list")
    if isinstance(images, np.ndarray):
        return not (images.ndim == 4 and images.dtype == np.uint8)
    return (
        isinstance(images, (str, os.PathLike, bytes, bytearray, memoryview))
        or hasattr(images, "read")
        or not isinstance(images, Iterable)
    )
