"""Passes over images, and the comparison of their features while they lie in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.records import record
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.kernels._unit_distance import UnitDistance
from alexnet_cy.perceptual.enlarge import add_enlarged
from alexnet_cy.perceptual.pixels import Pixels, Scaling, size_of
from alexnet_cy.perceptual.tiles import cut_axis, is_cut
from alexnet_cy.perceptual.trunk import LAYERS, Trunk

__all__ = [
    "BLOCK_IMAGES",
    "Distances",
    "Features",
    "LayerMaps",
    "averages",
    "images_at_a_time",
    "whole_map",
]

# PerceptualSimilarity, lpips/__init__.py, normalize_tensor: added to the length, not to its square.
EPSILON = 1e-10

LayerMaps: TypeAlias = list[Float32Array]
"""The distances of conv1 to conv5 at every place, (N, H, W) each."""

# Images of a block of the engine, and pixels of those that share one: more large images would only
# take more memory.
BLOCK_IMAGES = 8
BLOCK_PIXELS = 1 << 20


@record(frozen=True, slots=True)
class Features:
    """What the trunk makes of one image, for comparisons with many.

    Attributes
    ----------
    size : (int, int)
        Height and width of the image, in pixels.
    layers : tuple of ndarray of float32, shape (1, H, W, C)
        conv1 to conv5.
    """

    size: tuple[int, int]
    layers: tuple[Float32Array, ...]


def images_at_a_time(height: int, width: int, most: int) -> int:
    """Return how many images of one size, or pairs of them, go through the trunk together."""
    return max(1, min(most, BLOCK_PIXELS // (height * width)))


class Distances:
    """Compares images of one size; may be used by several threads at once.

    Parameters
    ----------
    trunk : Trunk
    scaling : Scaling
    weights : mapping of str to ndarray of float32, shape (C,)
        For each of `LAYERS`.
    """

    def __init__(self, trunk: Trunk, scaling: Scaling, weights: Mapping[str, Float32Array]) -> None:
        self.trunk = trunk
        self.scaling = scaling
        self._weights = weights

    def of_pairs(self, a: Sequence[Pixels], b: Sequence[Pixels], threads: int) -> LayerMaps:
        """Compare a[i] with b[i]; at most `BLOCK_IMAGES` images."""
        height, width = size_of(a[0])
        n_pairs, cut = len(a), is_cut(height, width)
        shapes = self.shapes(height, width)
        maps: LayerMaps = [np.empty((n_pairs, *shape), np.float32) for shape in shapes]
        rows = cut_axis(height, tuple(shape[0] for shape in shapes), cut=cut)
        columns = cut_axis(width, tuple(shape[1] for shape in shapes), cut=cut)
        for down, across in product(rows, columns):
            tiles = [_crop(image, down.pixels, across.pixels) for image in (*a, *b)]

            def compare(layer: str, values: Float32Array, _: slice) -> None:
                i = LAYERS.index(layer)
                core = values[:, down.from_tile[i], across.from_tile[i]]  # noqa: B023
                distance = self._compare(layer, core[:n_pairs], core[n_pairs:], threads)
                maps[i][:, down.to_whole[i], across.to_whole[i]] = distance  # noqa: B023

            self._executor(*size_of(tiles[0])).visit(self.scaling.batch(tiles), threads, compare)
        return maps

    def features(self, image: Pixels, threads: int) -> Features:
        """Run the trunk on one image and keep its values."""
        kept: dict[str, Float32Array] = {}

        def keep(layer: str, values: Float32Array, _: slice) -> None:
            kept[layer] = values.copy()

        size = size_of(image)
        self._executor(*size).visit(self.scaling.batch([image]), threads, keep)
        return Features(size, tuple(kept[layer] for layer in LAYERS))

    def to_many(self, one: Features, images: Sequence[Pixels], threads: int) -> LayerMaps:
        """Compare an image whose features are there with at most `BLOCK_IMAGES` others."""
        shapes = self.shapes(*one.size)
        maps: LayerMaps = [np.empty((len(images), *shape), np.float32) for shape in shapes]

        def compare(layer: str, values: Float32Array, part: slice) -> None:
            i = LAYERS.index(layer)
            maps[i][part] = self._compare(layer, one.layers[i], values, threads)

        self._executor(*one.size).visit(self.scaling.batch(images), threads, compare)
        return maps

    def between(self, a: Features, b: Features, threads: int) -> LayerMaps:
        """Compare two images whose features are there."""
        return [
            self._compare(layer, of_a, of_b, threads)
            for layer, of_a, of_b in zip(LAYERS, a.layers, b.layers, strict=True)
        ]

    def _compare(self, layer: str, a: Float32Array, b: Float32Array, threads: int) -> Float32Array:
        distance = np.empty(b.shape[:3], np.float32)
        weight = self._weights[layer]
        UnitDistance(self.trunk.kernels, a, b, weight, EPSILON, distance).run(threads)
        return distance

    def _executor(self, height: int, width: int) -> Executor:
        return self.trunk.executor(height, width)

    def shapes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return height and width of the values of conv1 to conv5.

        Raises
        ------
        ValueError
            The images are too small for conv5.
        """
        shapes = self.trunk.variant.shapes(height, width)
        of_layer = {shape.layer.name: shape.output_shape for shape in shapes}
        return [(of_layer[layer][1], of_layer[layer][2]) for layer in LAYERS]


def averages(maps: LayerMaps) -> NDArray[np.float64]:
    """Return the mean of every map, (N, 5). Each is summed by itself, in float64."""
    means: NDArray[np.float64] = np.array(
        [
            [np.sum(of_pair.ravel(), dtype=np.float64) / of_pair.size for of_pair in of_layer]
            for of_layer in maps
        ]
    )
    return np.ascontiguousarray(means.T)


def whole_map(maps: LayerMaps, pair: int, height: int, width: int) -> Float32Array:
    """Add up the maps of a pair, each enlarged to the size of the image: (H, W)."""
    total = np.zeros((height, width), np.float32)
    for of_layer in maps:
        add_enlarged(of_layer[pair], total)
    return total


def _crop(image: Pixels, rows: slice, columns: slice) -> Pixels:
    return image[rows, columns] if image.dtype == np.uint8 else image[:, rows, columns]
