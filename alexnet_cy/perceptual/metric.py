"""LPIPS, the class and the function that users call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.machine.file_stamp import FileStamp
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.perceptual.comparison import Comparison, PairResult
from alexnet_cy.perceptual.distances import Distances
from alexnet_cy.perceptual.linear_weights import VERSIONS, linear_weights, ones
from alexnet_cy.perceptual.pairing import Outcome, Pairing
from alexnet_cy.perceptual.pixels import Scaling, as_range
from alexnet_cy.perceptual.reading import Images, Reader
from alexnet_cy.perceptual.trunk import LAYERS, Trunk, Weights

__all__ = ["LPIPS", "lpips"]


class LPIPS:
    """The learned perceptual image patch similarity, by AlexNet: ready for any number of pairs.

    It does not change once it is made, and may be used from several threads at once. A result has
    the same bits for any number of threads and whatever pairs are compared with it, is the same for
    (a, b) and (b, a), and is 0 for equal images.

    Parameters
    ----------
    weights : path-like, str or mapping of str to array_like
        torchvision's AlexNet: a file of any format, of the whole network or its convolutions
        alone, of which only the convolutions are read; or the name of a published one.
        "torchvision", 244 MB, is fetched on first use; ``alexnet-cy convert torchvision
        trunk.safetensors --until conv5`` makes a file of 9.9 MB of it. Or the arrays
        "conv1.weight", "conv1.bias", ..., "conv5.bias".
    version : {"0.1", "0.0"}
        Of LPIPS' linear weights. Version 0.0, of the first release, does not scale its input.
    lpips : bool
        False for the baseline of the paper, which counts every channel alike.
    exact : bool
        Leave out Winograd's algorithm, whose rounding errors are larger (docs/numerics.md).

    Raises
    ------
    ValueError
        There is no such version.
    WeightsError
        The file cannot be fetched or read, or has no such convolutions.
    """

    def __init__(
        self,
        weights: Weights = "torchvision",
        *,
        version: str = "0.1",
        lpips: bool = True,
        exact: bool = False,
    ) -> None:
        if version not in VERSIONS:
            raise ValueError(f"version: need one of {', '.join(VERSIONS)}, got {version!r}")
        self.version = version
        self.lpips = bool(lpips)
        self._scaling = Scaling(version)
        of_channels = linear_weights(version) if lpips else ones()
        self._distances = Distances(Trunk(weights, exact=exact), self._scaling, of_channels)
        self._made_of = (weights, version, bool(lpips), bool(exact))

    def __repr__(self) -> str:
        weights = self._made_of[0]
        source = "arrays" if not isinstance(weights, (str, os.PathLike)) else os.fspath(weights)
        kind = f"version {self.version}" if self.lpips else "baseline"
        return f"<{type(self).__name__} {kind}, weights: {source}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made of; a file is opened again."""
        return _remade, self._made_of

    def __call__(
        self,
        a: Images,
        b: Images,
        *,
        data_range: tuple[float, float] | None = None,
        threads: int | None = None,
    ) -> float | NDArray[np.float64]:
        """Return how different images look; `compare` says more.

        Parameters
        ----------
        a, b, data_range, threads
            As for `compare`.

        Returns
        -------
        float, or ndarray of float64, shape (N,)
            Of two images; or of N pairs, or of one image and N others.
        """
        return self.compare(a, b, data_range=data_range, threads=threads).distance

    def compare(
        self,
        a: Images,
        b: Images,
        *,
        data_range: tuple[float, float] | None = None,
        maps: bool = False,
        threads: int | None = None,
    ) -> Comparison:
        """Compare two images, the images of two collections pair by pair, or one with many.

        Parameters
        ----------
        a, b : image, or an iterable of them
            An image is a path, the bytes of a file, an open file, a PIL image or a uint8 array
            (H, W, 3); or an array of floats, (3, H, W) or (H, W, 3), for which `data_range` is
            needed. A batch is a uint8 array (N, H, W, 3) or one of floats with an axis more. Grey
            and transparent images become RGB as docs/images.md says. Two that are compared have
            one size, of 31 x 31 pixels at least.
        data_range : (low, high), optional
            What black and white are in arrays of floats: (0, 1), (-1, 1) or (0, 255). Images of 8
            bits are 0 to 255 in any case.
        maps : bool
            Whether to return the map of every pair.
        threads : int, optional
            None for the default.

        Returns
        -------
        Comparison

        Raises
        ------
        ImageError
            An image cannot be read; the message says which.
        TypeError
            An image is nothing that can be compared, or floats came without `data_range`.
        ValueError
            Sizes or lengths differ, or floats lie outside `data_range`.
        """
        readers = self._readers(a, b, data_range, threads)
        outcomes = _outcomes(self._pairing(maps, threads), *readers)
        results = [_comparison(outcome) for outcome in outcomes]
        if all(reader.is_one for reader in readers):
            return results[0]
        of_maps = [result.map for result in results if result.map is not None]
        return Comparison(
            np.array([result.distance for result in results], np.float64),
            np.array([result.layers for result in results]).reshape(-1, len(LAYERS)),
            _stacked(of_maps) if maps else None,
        )

    def iter_compare(
        self,
        a: Images,
        b: Images,
        *,
        data_range: tuple[float, float] | None = None,
        maps: bool = False,
        threads: int | None = None,
    ) -> Iterator[PairResult]:
        """Compare pair by pair, for more of them than memory holds; errors do not end it.

        Parameters
        ----------
        a, b, data_range, maps, threads
            As for `compare`. Iterators are read a few images at a time.

        Yields
        ------
        PairResult
            In order. A pair that cannot be compared has an error in place of the comparison.
        """
        readers = self._readers(a, b, data_range, threads)
        return map(_result, _outcomes(self._pairing(maps, threads), *readers))

    def iter_neighbours(
        self,
        images: Iterable[Any],
        *,
        data_range: tuple[float, float] | None = None,
        maps: bool = False,
        threads: int | None = None,
    ) -> Iterator[PairResult]:
        """Compare every image with the one before it, as the frames of a film.

        Parameters
        ----------
        images : iterable of images
        data_range, maps, threads
            As for `compare`.

        Yields
        ------
        PairResult
            For (0, 1), (1, 2), ... An image that cannot be read comes once, as (i, i), with its
            error; its pairs are left out.
        """
        pairing = self._pairing(maps, threads)
        reader = self._reader(images, "images", data_range, threads)
        return map(_result, pairing.neighbours(reader.read_from(0)))

    def iter_all_pairs(
        self,
        images: Iterable[Any],
        *,
        data_range: tuple[float, float] | None = None,
        maps: bool = False,
        threads: int | None = None,
    ) -> Iterator[PairResult]:
        """Compare every image with every other one, once.

        The features of as many images as 256 MB hold are kept, some hundred of 256 x 256 pixels;
        with more images the others are read again for each such block.

        Parameters
        ----------
        images : iterable of images
        data_range, maps, threads
            As for `compare`.

        Yields
        ------
        PairResult
            For i < j; an image that cannot be read as in `iter_neighbours`.
        """
        pairing = self._pairing(maps, threads)
        reader = self._reader(list(images), "images", data_range, threads)
        return map(_result, pairing.all_with_all(reader.read_from))

    def _pairing(self, maps: bool, threads: int | None) -> Pairing:
        return Pairing(self._distances, maps=maps, threads=resolve_threads(threads))

    def _reader(self, images: Images, name: str, data_range: object, threads: int | None) -> Reader:
        checked = None if data_range is None else as_range(data_range)
        return Reader(images, name, self._scaling, checked, resolve_threads(threads))

    def _readers(
        self, a: Images, b: Images, data_range: object, threads: int | None
    ) -> tuple[Reader, Reader]:
        return (
            self._reader(a, "a", data_range, threads),
            self._reader(b, "b", data_range, threads),
        )


def _outcomes(pairing: Pairing, a: Reader, b: Reader) -> Iterator[Outcome]:
    if a.is_one and not b.is_one:
        return pairing.one_with_many(a.one(), b.read_from(0))
    if b.is_one and not a.is_one:
        found = pairing.one_with_many(b.one(), a.read_from(0))
        return ((j, i, outcome) for i, j, outcome in found)
    return pairing.pairs(a.read_from(0), b.read_from(0))


def _comparison(outcome: Outcome) -> Comparison:
    found = outcome[2]
    if isinstance(found, Comparison):
        return found
    raise found


def _result(outcome: Outcome) -> PairResult:
    a, b, found = outcome
    if isinstance(found, Comparison):
        return PairResult(a, b, found)
    return PairResult(a, b, None, str(found))


def _stacked(maps: list[Float32Array]) -> Float32Array:
    """Join the maps of pairs, (N, H, W)."""
    sizes = sorted({of_pair.shape for of_pair in maps})
    if len(sizes) > 1:
        raise ValueError(
            f"maps: the images are of {len(sizes)} sizes, whose maps make no one array; take "
            "iter_compare, or leave out maps"
        )
    return np.stack(maps) if maps else np.empty((0, 0, 0), np.float32)


def _remade(weights: Weights, version: str, lpips: bool, exact: bool) -> LPIPS:
    return LPIPS(weights, version=version, lpips=lpips, exact=exact)


def lpips(
    a: Images,
    b: Images,
    *,
    data_range: tuple[float, float] | None = None,
    weights: str | os.PathLike[str] = "torchvision",
    version: str = "0.1",
    threads: int | None = None,
) -> float | NDArray[np.float64]:
    """Return how different images look: LPIPS, which is 0 for equal ones.

    Parameters
    ----------
    a, b, data_range, threads
        As for `LPIPS.compare`.
    weights, version
        As for `LPIPS`. The network is opened at the first call and kept for the next ones.

    Returns
    -------
    float, or ndarray of float64, shape (N,)
        Of two images; or of N pairs, or of one image and N others.

    Raises
    ------
    ImageError, TypeError, ValueError, WeightsError
        As for `LPIPS` and `LPIPS.compare`.
    """
    try:
        key: str | FileStamp = FileStamp.of(weights)
    except (OSError, ValueError):  # the name of a published file, or an error that LPIPS explains
        key = os.fspath(weights)
    return _kept(key, version)(a, b, data_range=data_range, threads=threads)


@lru_cache(maxsize=2)
def _kept(weights: str | FileStamp, version: str) -> LPIPS:
    """Make it once; a file that has been changed since is another one."""
    return LPIPS(weights, version=version)
