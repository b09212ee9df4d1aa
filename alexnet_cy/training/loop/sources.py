"""What the loop reads: images that were decoded once, or features that were computed once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.images.batches import SkippedImage, read_batches
from alexnet_cy.images.preparation import NetworkInput, Preparation, Rows
from alexnet_cy.training.data.augment import Augment, Pixels

__all__ = ["FeatureSource", "PixelSource", "Source", "read_pixels"]


class Source(Protocol):
    """Images with their classes."""

    labels: NDArray[np.int64]

    def batch(self, rows: NDArray[np.intp], seed: int, epoch: int) -> NetworkInput:
        """Return some of the images, as a network learns from them in an epoch."""


class PixelSource:
    """Decoded images.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (N, S, T, 3)
    labels : ndarray of int, shape (rows,)
    preparation : Preparation
        What is done with the pixels; its crop is what the network sees of them.
    augment : Augment, optional
        How views differ; without, each image is its middle.
    rows : ndarray of int, shape (rows,), optional
        Which of the pixels these images are; all if left out.
    threads : int
        That cut views.
    """

    def __init__(
        self,
        pixels: Pixels,
        labels: NDArray[Any],
        preparation: Preparation,
        augment: Augment | None = None,
        *,
        rows: NDArray[np.intp] | None = None,
        threads: int = 1,
    ) -> None:
        self._threads = threads
        self._pixels = pixels
        self._rows = np.arange(len(pixels)) if rows is None else rows
        self.labels = np.asarray(labels, np.int64)
        self._preparation = preparation
        self._augment = Augment(crop="centre", flip=False) if augment is None else augment

    def batch(self, rows: NDArray[np.intp], seed: int, epoch: int) -> NetworkInput:
        """Return views of some images; see `Source`."""
        size = self._preparation.preset.crop_size
        views = self._preparation.empty_rows(len(rows))

        def cut(out: Rows, row: int) -> None:
            image = self._pixels[self._rows[row]]
            self._preparation.fill_row(self._augment.cut(image, size, seed, epoch, row), out)

        # Python's threads pay only where Pillow works without its lock.
        threads = self._threads if self._augment.crop == "resized" else 1
        if min(threads, len(rows)) > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(cut, list(views), rows.tolist()))
        else:
            for view, row in zip(views, rows.tolist(), strict=True):
                cut(view, row)
        return self._preparation.network_input(views)


class FeatureSource:
    """Features that do not change.

    Parameters
    ----------
    values : ndarray of float32, shape (N, ...)
    labels : ndarray of int, shape (N,)
    """

    def __init__(self, values: Float32Array, labels: NDArray[Any]) -> None:
        self._values = values
        self.labels = np.asarray(labels, np.int64)

    def batch(self, rows: NDArray[np.intp], seed: int, epoch: int) -> NetworkInput:
        """Return the features of some images; see `Source`."""
        return self._values[rows]


def read_pixels(
    paths: Sequence[str],
    preparation: Preparation,
    *,
    threads: int,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Pixels, NDArray[np.intp], list[SkippedImage]]:
    """Decode images once, into a file without a name that ends with the process.

    The system keeps in memory what there is room for. The file has its whole size at once, so a
    full disk is an error here and not in the middle of the training.

    Parameters
    ----------
    paths : sequence of str
    preparation : Preparation
        As `squares_preparation` returns it.
    threads : int
    folder : path-like, optional
        Where the file is; the system's folder for temporary files if left out.
    progress : callable, optional
        Called with "images", how many are done, and how many there are.

    Returns
    -------
    pixels : ndarray of uint8, shape (N, H, W, 3)
    indices : ndarray of int, shape (N,)
        Which of the paths each is.
    skipped : list of SkippedImage
    """
    height, width = preparation.preset.crop_size
    shape = len(paths), height, width, 3
    with tempfile.TemporaryFile(prefix="alexnet-cy-", dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, max(1, int(np.prod(shape))))
        pixels = np.memmap(file, np.uint8, "r+", shape=shape)
    indices: list[int] = []
    skipped: list[SkippedImage] = []
    for batch in read_batches(paths, preparation, threads=threads, on_error="skip"):
        first = len(indices)
        indices += batch.indices
        pixels[first : len(indices)] = batch.x.values  # type: ignore[union-attr]  # squares
        skipped += batch.skipped
        if progress is not None:
            progress("images", len(indices) + len(skipped), len(paths))
    return pixels[: len(indices)], np.array(indices, np.intp), skipped
