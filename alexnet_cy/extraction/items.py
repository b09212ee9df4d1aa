"""What the images of a collection are, and what each is called."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from alexnet_cy.extraction.manifest import hash_of_list
from alexnet_cy.extraction.stored_images import (
    StoredImage,
    StoredPixels,
    is_hdf5_name,
    stored_images,
)
from alexnet_cy.images.folder import LeftOut, Order, search_images
from alexnet_cy.images.sources import sources_of

if TYPE_CHECKING:
    from alexnet_cy.images.decoding.decode import ImageSource

__all__ = ["Collection", "Item", "collect", "expand", "shard_of"]

Item: TypeAlias = "ImageSource | StoredImage"


@dataclass(frozen=True, slots=True)
class Collection:
    """Images in the order of their rows.

    Attributes
    ----------
    items : list of Item
        Paths, images in HDF5 files, bytes, arrays, PIL images.
    left_out : list of LeftOut
        What lies in the folders beside them.
    first : int
        Position of the first item in the whole list, for a shard of it.
    list_hash : str
        SHA-256 of the whole list.
    """

    items: list[Item]
    left_out: list[LeftOut] = field(default_factory=list)
    first: int = 0
    list_hash: str = ""

    @property
    def names(self) -> list[str]:
        """Paths, "file.h5::dataset[3]", or "images[3]"."""
        return [_name(item, self.first + i) for i, item in enumerate(self.items)]

    def sources(self, start: int) -> Iterator[ImageSource]:
        """Yield the images from a position on; those in HDF5 files are read when it is their turn.

        Raises
        ------
        ImageError
            An HDF5 file cannot be read any more.
        """
        with StoredPixels() as stored:
            for item in self.items[start:]:
                yield stored.read(item) if isinstance(item, StoredImage) else item


def collect(images: ImageSource | Iterable[ImageSource], order: Order = "name") -> Collection:
    """Make out what an argument `images` stands for.

    Parameters
    ----------
    images : one image, or an iterable of them
        As for `AlexNet.features`; besides, a path may be a folder, which stands for the images
        below it, or an HDF5 file, which stands for the images of a dataset (`stored_images`).
    order : {"name", "natural"}
        Of the images in a folder.

    Raises
    ------
    TypeError, ValueError, ImageError
        An argument of another kind; a folder or an HDF5 file that cannot be read.
    """
    items: list[Item] = []
    left_out: list[LeftOut] = []
    for source in sources_of(images):
        if isinstance(source, (str, os.PathLike)):
            found, missed = expand(source, order)
            items += found
            left_out += missed
        elif hasattr(source, "read"):
            raise TypeError("images: an open file cannot be read twice; pass its path or its bytes")
        else:
            items.append(source)
    names = [_name(item, i) for i, item in enumerate(items)]
    return Collection(items, left_out, 0, hash_of_list(names, _contents(items)))


def expand(path: str | os.PathLike[str], order: Order) -> tuple[list[Item], list[LeftOut]]:
    """Return the images that a path stands for: its own, a folder's, or an HDF5 file's."""
    name = os.fsdecode(path)
    if is_hdf5_name(name):
        return list(stored_images(name)), []
    found = search_images(name, order)
    return list(found.paths), found.left_out


def shard_of(whole: Collection, number: int, count: int) -> Collection:
    """Return one of `count` consecutive parts, as equal as can be, numbered from 1.

    Raises
    ------
    ValueError
        There is no part of this number.
    """
    if not 1 <= number <= count:
        raise ValueError(f"shard: need a number from 1 to {count}, got {number} of {count}")
    n = len(whole.items)
    first, end = n * (number - 1) // count, n * number // count
    return Collection(whole.items[first:end], whole.left_out, first, whole.list_hash)


def _name(item: Item, index: int) -> str:
    if isinstance(item, StoredImage):
        return item.name
    return os.fsdecode(item) if isinstance(item, (str, os.PathLike)) else f"images[{index}]"


def _contents(items: Iterable[Item]) -> Iterator[bytes]:
    """Yield what tells images without a name from others: their pixels, or their bytes."""
    for item in items:
        if isinstance(item, (bytes, bytearray, memoryview)):
            yield bytes(item)
        elif not isinstance(item, (str, os.PathLike, StoredImage)):
            pixels = np.asarray(item)
            yield repr((pixels.shape, pixels.dtype.str)).encode() + pixels.tobytes()
