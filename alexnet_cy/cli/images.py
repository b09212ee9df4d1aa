"""From image arguments to batches of the network's input: many at once, bad ones reported."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from alexnet_cy.cli.failures import warn
from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.errors import ImageError
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import Variant
from alexnet_cy.weights.caffe.mean_files import read_mean

if TYPE_CHECKING:
    from alexnet_cy.images import Preset
    from alexnet_cy.images.mean import Mean

__all__ = ["Batch", "Failure", "Preparation", "find_paths", "make_preparation", "read_batches"]

# Views that go through the network together: as many as its fully connected layers take at once.
VIEWS_AT_A_TIME = 64


class Failure(NamedTuple):
    """An image that could not be read."""

    path: str
    error: str


class Batch(NamedTuple):
    """Images that were read together."""

    paths: list[str]
    x: Float32Array | PixelBatch  # (images * views, 3, height, width)


@dataclass(frozen=True, slots=True)
class Preparation:
    """How images become the network's input."""

    preset: Preset
    mean: Float32Array | None
    exif: bool

    def __call__(self, path: str) -> Float32Array | PixelBatch:
        """Return (views, 3, height, width) of one image; ImageError if it cannot be read."""
        from alexnet_cy.images import decode, prepare

        return prepare(decode(path, exif=self.exif), self.preset, mean=self.mean)

    def attempt(self, path: str) -> Float32Array | PixelBatch | ImageError:
        """Do the same, but return the error."""
        try:
            return self(path)
        except ImageError as error:
            return error


def make_preparation(args: argparse.Namespace, variant: Variant) -> Preparation:
    """Read --preset, --mean and --exif; warn of a preset that is not for the variant.

    Raises
    ------
    ValueError, WeightsError
        The mean cannot be read, or does not go with the preset.
    """
    from alexnet_cy.images import get_preset

    preset = get_preset(args.preset or variant.preset).with_input_size(variant.input_size)
    if not fits(preset, variant):
        warn(
            f"preset {preset.name!r} does not fit variant {variant.name!r}, whose weights expect "
            f"{variant.preset!r}; the answers will be wrong"
        )
    return Preparation(preset, _load_mean(args.mean, preset), args.exif)


def fits(preset: Preset, variant: Variant) -> bool:
    """Tell whether a preset gives pixels as the variant's weights expect them.

    How the image is resized and cropped is a matter of accuracy; the order, the scale and the mean
    of the channels are not.
    """
    from alexnet_cy.images import get_preset

    own = get_preset(variant.preset)
    return (preset.channel_order, preset.divisor, preset.mean, preset.std) == (
        own.channel_order,
        own.divisor,
        own.mean,
        own.std,
    )


def find_paths(arguments: Sequence[str]) -> tuple[list[str], list[Failure]]:
    """Expand folders; a folder that cannot be listed or has no images is a failure, and reported.

    Returns
    -------
    list of str, list of Failure
    """
    from alexnet_cy.images import find_images

    paths: list[str] = []
    failures: list[Failure] = []
    for argument in arguments:
        if not os.path.isdir(argument):
            paths.append(argument)  # as it was typed, for the reports of its reader
            continue
        try:
            found = find_images(argument)
            if not found:
                raise ImageError(f"{argument!r}: no images in this folder")
            paths += map(str, found)
        except ImageError as error:
            failures.append(_report(argument, error))
    return paths, failures


def read_batches(
    paths: Sequence[str], preparation: Preparation, threads: int | None, failures: list[Failure]
) -> Iterator[Batch]:
    """Read the images, several at once.

    Parameters
    ----------
    paths : sequence of str
    preparation : Preparation
    threads : int or None
    failures : list of Failure
        Images that cannot be read are reported, left out, and appended here.

    Yields
    ------
    Batch
        With at most `VIEWS_AT_A_TIME` views, or one image; never without any.
    """
    preset = preparation.preset
    n_images = max(1, VIEWS_AT_A_TIME // preset.views)
    with ThreadPoolExecutor(resolve_threads(threads)) as pool:
        for start in range(0, len(paths), n_images):
            part = paths[start : start + n_images]
            read = []
            # If Ctrl-C comes while this waits, `map` takes back what has not begun.
            for path, outcome in zip(part, pool.map(preparation.attempt, part), strict=True):
                if isinstance(outcome, ImageError):
                    failures.append(_report(path, outcome))
                else:
                    read.append((path, outcome))
            if read:
                yield Batch([path for path, _ in read], _join([x for _, x in read]))


def _join(parts: Sequence[Float32Array | PixelBatch]) -> Float32Array | PixelBatch:
    """Join what one preparation gave: all of it pixels, or, for a per-pixel mean, all floats."""
    pixels = [part for part in parts if isinstance(part, PixelBatch)]
    if pixels:
        return PixelBatch.join(pixels)
    return np.concatenate([part for part in parts if not isinstance(part, PixelBatch)])


def _report(path: str, error: ImageError) -> Failure:
    warn(f"skipped {error}")
    return Failure(path, str(error))


def _load_mean(text: str | None, preset: Preset) -> Float32Array | None:
    """Read three numbers, or the mean image of a file, and check that it goes with the preset."""
    from alexnet_cy.images.mean import resolve_mean

    if text is None:
        return None
    mean = cast("Mean", read_mean(text))
    with suppress(ValueError):
        mean = [float(part) for part in text.split(",")]
    resolved = resolve_mean(mean, preset)
    return resolved.reshape(3) if resolved.size == 3 else resolved
