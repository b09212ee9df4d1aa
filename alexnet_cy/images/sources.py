"""One image or many: what an argument `images` stands for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from alexnet_cy.images.decoding.decode import ImageSource

__all__ = ["is_one_image", "sources_of"]

KINDS_OF_PATHS = "UTOS"
"""Kinds of arrays (`numpy.dtype.kind`) whose items are paths or other objects, not pixels."""


def is_one_image(images: ImageSource | Iterable[ImageSource]) -> bool:
    """Distinguish one image from a collection.

    A uint8 array (N, H, W, C) is a collection, and so is an array of strings or objects; any other
    array is one image; so are paths, bytes, open files and PIL images. Everything else that can be
    iterated over is a collection.

    Raises
    ------
    TypeError
        A mapping or a set: their images have no order.
    """
    if isinstance(images, (Mapping, Set)):
        raise TypeError(f"images: {type(images).__name__} has no order; pass a list")
    if isinstance(images, np.ndarray):
        return not (
            images.dtype.kind in KINDS_OF_PATHS or (images.ndim == 4 and images.dtype == np.uint8)
        )
    return (
        isinstance(images, (str, os.PathLike, bytes, bytearray, memoryview))
        or hasattr(images, "read")
        or not isinstance(images, Iterable)
    )


def sources_of(images: ImageSource | Iterable[ImageSource]) -> Iterator[ImageSource]:
    """Return what `images` stands for, one image after the other.

    Raises
    ------
    TypeError
        As for `is_one_image`; or an array of bytes, which has lost their trailing zeros.
    ValueError
        An array of strings or objects that is no list: of more than one axis, or of none.
    """
    if is_one_image(images):
        return iter((cast("ImageSource", images),))
    if isinstance(images, np.ndarray) and images.dtype.kind in KINDS_OF_PATHS:
        if images.dtype.kind == "S":
            raise TypeError(
                f"images: {images.dtype} array: NumPy drops the zeros at the end of bytes; pass "
                "paths as str, or a list of bytes"
            )
        if images.ndim != 1 and not (images.ndim == 2 and images.shape[1] == 1):
            raise ValueError(f"images: need paths in one axis, got an array of {images.shape}")
        return iter(images.ravel().tolist())
    return iter(cast("Iterable[ImageSource]", images))
