"""The features of images, computed once: the network up to its head does not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.images.batches import SkippedImage, read_batches
from alexnet_cy.training.data.augment import Augment, squares_preparation

if TYPE_CHECKING:
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.training.network import Network

__all__ = ["Features", "Progress", "augmented_features", "image_features"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class Features(NamedTuple):
    """Features of those images that could be read.

    Attributes
    ----------
    values : ndarray of float32, shape (rows, features)
    indices : ndarray of int, shape (rows,)
        The image of each row.
    skipped : list of SkippedImage
    """

    values: Float32Array
    indices: NDArray[np.intp]
    skipped: list[SkippedImage]


def image_features(
    net: Network,
    paths: Sequence[str],
    layer: str,
    preparation: Preparation,
    *,
    threads: int | None,
    progress: Progress,
) -> Features:
    """Compute the features of images, one row each."""
    values: list[Float32Array] = []
    indices: list[int] = []
    skipped: list[SkippedImage] = []
    for batch in net.iter_features(
        paths, layer, preset=preparation, threads=threads, on_error="skip"
    ):
        values.append(batch.values[layer].reshape(len(batch.names), -1))
        indices += batch.indices
        skipped += batch.skipped
        progress("features", len(indices) + len(skipped), len(paths))
    return _joined(values, indices, skipped)


def augmented_features(
    net: Network,
    paths: Sequence[str],
    layer: str,
    preparation: Preparation,
    *,
    views: int,
    augment: Augment,
    seed: int,
    threads: int,
    progress: Progress,
) -> Features:
    """Compute the features of random views of images.

    Parameters
    ----------
    net, paths, layer, preparation, threads, progress
        As of `image_features`.
    views : int
        Of each image.
    augment : Augment
    seed : int
    """
    values: list[Float32Array] = []
    indices: list[int] = []
    skipped: list[SkippedImage] = []
    squares = squares_preparation(preparation, augment)
    for batch in read_batches(paths, squares, threads=threads, on_error="skip"):
        skipped += batch.skipped
        pixels = np.asarray(batch.x.values)  # type: ignore[union-attr]  # squares are pixels
        rows = preparation.empty_rows(len(pixels))
        for view in range(views):
            for i, index in enumerate(batch.indices):
                cut = augment.cut(pixels[i], preparation.preset.crop_size, seed, view, index)
                preparation.fill_row(cut, rows[i])
            x = preparation.network_input(rows)
            found = net.forward(x, [layer], threads=threads)[layer]
            values.append(found.reshape(len(pixels), -1))
            indices += batch.indices
        progress("augmented views", len(indices) // max(1, views) + len(skipped), len(paths))
    return _joined(values, indices, skipped)


def _joined(
    values: list[Float32Array], indices: list[int], skipped: list[SkippedImage]
) -> Features:
    joined = np.concatenate(values) if values else np.empty((0, 0), np.float32)
    return Features(joined, np.array(indices, np.intp), skipped)
