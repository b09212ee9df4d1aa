"""Which images are compared with which: pairs, one with many, neighbours, all with all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import TypeAlias

from alexnet_cy.errors import ImageError
from alexnet_cy.perceptual.comparison import Comparison
from alexnet_cy.perceptual.distances import (
    BLOCK_IMAGES,
    Distances,
    Features,
    LayerMaps,
    averages,
    images_at_a_time,
    whole_map,
)
from alexnet_cy.perceptual.pixels import Pixels, size_of
from alexnet_cy.perceptual.tiles import is_cut

__all__ = ["Outcome", "Pairing", "Read"]

# What all-with-all keeps of the images that it has seen: the more, the fewer passes.
KEPT_BYTES = 256 << 20

Read: TypeAlias = "Pixels | ImageError"
"""An image, or why it cannot be read."""

Outcome: TypeAlias = "tuple[int, int, Comparison | ImageError | ValueError]"
"""The positions of two images, and how they compare or why they do not.

An image that cannot be read is told once where it would be in many pairs, as (i, i).
"""

Pair: TypeAlias = "tuple[int, int, Pixels, Pixels]"
Held: TypeAlias = "Features | Pixels"
"""An image that waits for others: its features, or its pixels if it is so large that it is cut."""

_NOTHING = ImageError("")


class Pairing:
    """Compares images in one order or another; bits do not depend on it.

    Parameters
    ----------
    distances : Distances
    maps : bool
        Whether comparisons have the map.
    threads : int
    """

    def __init__(self, distances: Distances, *, maps: bool, threads: int) -> None:
        self._distances = distances
        self._maps = maps
        self._threads = threads

    def pairs(self, a: Iterable[Read], b: Iterable[Read]) -> Iterator[Outcome]:
        """Compare a[i] with b[i]; ValueError at the end of the shorter one."""

        def numbered() -> Iterator[tuple[int, int, Read, Read]]:
            for i, (of_a, of_b) in enumerate(zip_longest(a, b, fillvalue=_NOTHING)):
                if of_a is _NOTHING or of_b is _NOTHING:
                    shorter, longer = "ab" if of_a is _NOTHING else "ba"
                    raise ValueError(
                        f"a, b: {shorter} has {i} images and {longer} has more; pairs need as "
                        "many, or a single image on one side"
                    )
                yield i, i, of_a, of_b

        def compute(block: list[Pair]) -> LayerMaps:
            first, second = [pair[2] for pair in block], [pair[3] for pair in block]
            return self._distances.of_pairs(first, second, self._threads)

        return self._in_blocks(numbered(), compute, BLOCK_IMAGES // 2)

    def one_with_many(self, one: Pixels, many: Iterable[Read]) -> Iterator[Outcome]:
        """Compare an image with each of others; its features are computed once."""
        numbered = ((0, i, one, other) for i, other in enumerate(many))
        if is_cut(*size_of(one)):

            def compute_cut(block: list[Pair]) -> LayerMaps:
                return self._distances.of_pairs([one], [block[0][3]], self._threads)

            return self._in_blocks(numbered, compute_cut, 1)
        features = self._distances.features(one, self._threads)

        def compute(block: list[Pair]) -> LayerMaps:
            others = [pair[3] for pair in block]
            return self._distances.to_many(features, others, self._threads)

        return self._in_blocks(numbered, compute, BLOCK_IMAGES)

    def neighbours(self, images: Iterable[Read]) -> Iterator[Outcome]:
        """Compare every image with the one before it."""
        before: tuple[int, Held] | None = None
        for j, image in enumerate(images):
            held = self._hold(image)
            if isinstance(held, Exception):
                yield j, j, held
                before = None
                continue
            if before is not None:
                yield before[0], j, self._compare(before[1], held)
            before = j, held

    def all_with_all(self, read_from: Callable[[int], Iterator[Read]]) -> Iterator[Outcome]:
        """Compare every image with every one behind it.

        Parameters
        ----------
        read_from : callable
            Returns the images from the i-th on. It is called again when the features of as many
            images as `KEPT_BYTES` hold have been compared with all the others.
        """
        told: set[int] = set()
        start: int | None = 0
        while start is not None:
            kept: list[tuple[int, Held]] = []
            kept_bytes, begin, start = 0, start, None
            for j, image in enumerate(read_from(begin), begin):
                held = self._hold(image)
                if isinstance(held, Exception):
                    if j not in told:
                        yield j, j, held
                    told.add(j)
                    continue
                for i, other in kept:
                    yield i, j, self._compare(other, held)
                kept_bytes += _nbytes(held)
                if start is None and (not kept or kept_bytes <= KEPT_BYTES):
                    kept.append((j, held))
                elif start is None:
                    start = j

    def _hold(self, image: Read) -> Held | ImageError | ValueError:
        if isinstance(image, ImageError):
            return image
        size = size_of(image)
        try:
            self._distances.shapes(*size)
        except ValueError as error:
            return error
        return image if is_cut(*size) else self._distances.features(image, self._threads)

    def _compare(self, a: Held, b: Held) -> Comparison | ValueError:
        size_a, size_b = (x.size if isinstance(x, Features) else size_of(x) for x in (a, b))
        if size_a != size_b:
            return _sizes_differ(size_a, size_b)
        if isinstance(a, Features) and isinstance(b, Features):
            maps = self._distances.between(a, b, self._threads)
        else:
            assert not isinstance(a, Features)
            assert not isinstance(b, Features)
            maps = self._distances.of_pairs([a], [b], self._threads)
        return self._results(maps, size_a)[0]

    def _in_blocks(
        self,
        pairs: Iterable[tuple[int, int, Read, Read]],
        compute: Callable[[list[Pair]], LayerMaps],
        most: int,
    ) -> Iterator[Outcome]:
        """Compare pairs of one size that follow each other, at most so many at a time."""
        block: list[Pair] = []
        for i, j, a, b in pairs:
            problem = self._problem(a, b)
            if problem is not None:
                yield from self._flush(block, compute)
                yield i, j, problem
                continue
            assert not isinstance(a, ImageError)
            assert not isinstance(b, ImageError)
            size = size_of(a)
            if block and (
                size != size_of(block[0][2]) or len(block) >= images_at_a_time(*size, most)
            ):
                yield from self._flush(block, compute)
            block.append((i, j, a, b))
        yield from self._flush(block, compute)

    def _flush(
        self, block: list[Pair], compute: Callable[[list[Pair]], LayerMaps]
    ) -> Iterator[Outcome]:
        """Compare a block and empty it."""
        if block:
            results = self._results(compute(block), size_of(block[0][2]))
            for (i, j, _, _), result in zip(block, results, strict=True):
                yield i, j, result
            block.clear()

    def _results(self, maps: LayerMaps, size: tuple[int, int]) -> list[Comparison]:
        return [
            Comparison(
                float(parts.sum()), parts, whole_map(maps, pair, *size) if self._maps else None
            )
            for pair, parts in enumerate(averages(maps))
        ]

    def _problem(self, a: Read, b: Read) -> ImageError | ValueError | None:
        """Return why two images cannot be compared."""
        for image in (a, b):
            if isinstance(image, ImageError):
                return image
        assert not isinstance(a, ImageError)
        assert not isinstance(b, ImageError)
        if size_of(a) != size_of(b):
            return _sizes_differ(size_of(a), size_of(b))
        try:
            self._distances.shapes(*size_of(a))
        except ValueError as error:
            return error
        return None


def _sizes_differ(a: tuple[int, int], b: tuple[int, int]) -> ValueError:
    return ValueError(
        f"a, b: images of {a[0]} x {a[1]} and {b[0]} x {b[1]} pixels (height x width); LPIPS "
        "compares images of one size: resize or crop one of them"
    )


def _nbytes(held: Held) -> int:
    arrays = held.layers if isinstance(held, Features) else (held,)
    return sum(array.nbytes for array in arrays)
