"""The one loop over images: decoded on threads, batch by batch, each with its index and name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

from alexnet_cy.errors import ImageError
from alexnet_cy.images.preparation import NetworkInput, Preparation, Rows
from alexnet_cy.images.sources import is_one_image, sources_of

if TYPE_CHECKING:
    from alexnet_cy.images.decoding.decode import ImageSource

__all__ = ["VIEWS_AT_A_TIME", "Batch", "OnError", "SkippedImage", "read_batches"]

VIEWS_AT_A_TIME = 64
"""Views of a batch: as many as the fully connected layers of the network take together, so that a
folder of any length needs the memory of this many."""

OnError: TypeAlias = Literal["raise", "skip", "nan"]
"""The effect of an image that cannot be read: end the loop, be left out and named, or keep its
place and be named."""


@dataclass(frozen=True, slots=True)
class SkippedImage:
    """An image that could not be read.

    Attributes
    ----------
    index : int
        Its position among all images, from 0.
    name : str
        Its path, or "images[i]".
    error : str
        The message of the `ImageError`.
    """

    index: int
    name: str
    error: str


class Batch(NamedTuple):
    """Images that were prepared together.

    Attributes
    ----------
    indices : list of int
        Positions among all images, from 0.
    names : list of str
        Paths, or "images[i]".
    x : NetworkInput, shape (images * views, 3, H, W)
        For `AlexNet.forward`; there may be no images. With "nan", black where an image could not
        be read.
    skipped : list of SkippedImage
        Images of this batch that could not be read; with "nan" they are among the names too.
    """

    indices: list[int]
    names: list[str]
    x: NetworkInput
    skipped: list[SkippedImage]


def read_batches(
    images: ImageSource | Iterable[ImageSource],
    preparation: Preparation,
    *,
    threads: int,
    on_error: OnError = "raise",
) -> Iterator[Batch]:
    """Prepare images, several at once.

    Parameters
    ----------
    images : one image, or an iterable of them
        As `alexnet_cy.images.preprocess` takes them. An iterator is read batch by batch.
    preparation : Preparation
    threads : int
        Threads that decode.
    on_error : {"raise", "skip", "nan"}
        Whether an image that cannot be read ends the loop, is left out and named, or keeps its
        place in the batch, as black pixels, and is named.

    Yields
    ------
    Batch
        With at most `VIEWS_AT_A_TIME` views, or one image.

    Raises
    ------
    ImageError
        With "raise": an image cannot be read; the message begins with ``images[i]:``, counted
        from the first image of all, or with ``images:`` where it is the only one.
    TypeError, ValueError
        An image is nothing that can be read; the message begins likewise.
    """
    if on_error not in get_args(OnError):
        raise ValueError(f"on_error: need 'raise', 'skip' or 'nan', got {on_error!r}")
    one, sources = is_one_image(images), sources_of(images)
    n_views = preparation.preset.views
    n_images = max(1, VIEWS_AT_A_TIME // n_views)
    first = 0
    with _Readers(threads) as readers:
        while part := list(islice(sources, n_images)):
            rows = preparation.empty_rows(len(part))
            errors = readers.fill(part, preparation, rows)
            good, skipped = [], []
            for i, (source, error) in enumerate(zip(part, errors, strict=True)):
                index = first + i
                place = "images" if one else f"images[{index}]"
                if error is None:
                    good.append(i)
                elif on_error != "raise" and isinstance(error, ImageError):
                    skipped.append(SkippedImage(index, _name(source, place), str(error)))
                    if on_error == "nan":
                        rows[i * n_views : (i + 1) * n_views] = 0
                        good.append(i)
                else:
                    raise type(error)(f"{place}: {error}") from error
            yield Batch(
                [first + i for i in good],
                [_name(part[i], f"images[{first + i}]") for i in good],
                preparation.network_input(_kept(rows, good, n_views)),
                skipped,
            )
            first += len(part)


class _Readers:
    """Threads that fill rows; they start with the first batch that has work for two."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def __enter__(self) -> _Readers:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None and self._process == os.getpid():
            self._pool.shutdown(cancel_futures=True)

    def fill(
        self, sources: list[ImageSource], preparation: Preparation, rows: Rows
    ) -> list[ImageError | TypeError | ValueError | None]:
        """Fill the rows of every source; return what went wrong with each."""
        n_views = preparation.preset.views

        def fill_one(i: int) -> ImageError | TypeError | ValueError | None:
            try:
                preparation.fill_rows(sources[i], rows[i * n_views : (i + 1) * n_views])
            except (ImageError, TypeError, ValueError) as error:
                return error
            return None

        if self._threads == 1 or len(sources) == 1:
            return [fill_one(i) for i in range(len(sources))]
        if self._pool is None or self._process != os.getpid():  # a forked child has no threads
            self._process = os.getpid()
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="alexnet_cy-decode")
        # If Ctrl-C comes while this waits, `map` takes back what has not begun.
        return list(self._pool.map(fill_one, range(len(sources))))


def _kept(rows: Rows, good: list[int], n_views: int) -> Rows:
    """Return the rows of the images that could be read; all of them are not copied."""
    if len(good) * n_views == len(rows):
        return rows
    return rows.reshape(-1, n_views, *rows.shape[1:])[good].reshape(-1, *rows.shape[1:])


def _name(source: ImageSource, place: str) -> str:
    """Return the path of an image, or where it stands among the others."""
    return os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else place
