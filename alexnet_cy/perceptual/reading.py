"""One image or many as pixels, read several at a time on threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeAlias

from alexnet_cy.errors import ImageError
from alexnet_cy.images.sources import is_one_image
from alexnet_cy.perceptual.pixels import DataRange, Pixels, Scaling, is_array

__all__ = ["Images", "Reader"]

Images: TypeAlias = Any
"""An image or an iterable of them: `ImageSource`, or arrays of floats, of other libraries too."""

READ_AT_A_TIME = 8


class Reader:
    """Reads an argument that is an image or an iterable of them.

    Parameters
    ----------
    images : image, or an iterable of them
        As `Scaling.read` takes them.
    name : str
        What errors call the argument.
    scaling : Scaling
    data_range : (float, float) or None
    threads : int
        Threads that decode.

    Attributes
    ----------
    is_one : bool
        Whether it is one image. Arrays of two or three axes are.
    """

    def __init__(
        self,
        images: Images,
        name: str,
        scaling: Scaling,
        data_range: DataRange | None,
        threads: int,
    ) -> None:
        self.is_one = images.ndim in (2, 3) if is_array(images) else is_one_image(images)
        self._images = images
        self._name = name
        self._scaling = scaling
        self._data_range = data_range
        self._threads = threads

    def one(self) -> Pixels:
        """Return the image if it is one.

        Raises
        ------
        ImageError, TypeError, ValueError
            As `Scaling.read`.
        """
        return self._scaling.read(self._images, self._name, self._data_range)

    def read_from(self, first: int) -> Iterator[Pixels | ImageError]:
        """Yield the pixels of the images from one on, in order, or why one cannot be read.

        Of an iterator, which can be read once, there are only those from 0 on, a few at a time.
        """
        if self.is_one:
            yield self.one()
            return
        sources = enumerate(islice(self._images, first, None), first)
        if self._threads == 1:
            yield from map(self._read, sources)
            return
        with ThreadPoolExecutor(self._threads, thread_name_prefix="alexnet_cy-decode") as pool:
            while part := list(islice(sources, READ_AT_A_TIME)):
                yield from pool.map(self._read, part)

    def _read(self, numbered: tuple[int, Any]) -> Pixels | ImageError:
        number, image = numbered
        try:
            return self._scaling.read(image, f"{self._name}[{number}]", self._data_range)
        except ImageError as error:
            return error
