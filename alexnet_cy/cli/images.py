"""From image arguments to paths and a preparation; images that are left out are reported."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.cli.failures import warn
from alexnet_cy.errors import ImageError

if TYPE_CHECKING:
    from alexnet_cy.images.batches import SkippedImage
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.model import AlexNet

__all__ = ["Failure", "chosen_preparation", "find_paths", "mean_option", "report_skipped"]


class Failure(NamedTuple):
    """An image that could not be read."""

    path: str
    error: str


def chosen_preparation(args: argparse.Namespace, net: AlexNet) -> Preparation:
    """Read --preset, --mean and --exif; warn of a preset that is not for the network's weights.

    Raises
    ------
    ValueError, WeightsError
        The mean cannot be read, or does not go with the preset.
    """
    from alexnet_cy.images import get_preset

    preparation = net.preparation(args.preset, mean=mean_option(args.mean), exif=args.exif)
    preset, variant = preparation.preset, net.variant
    if not preset.suits_weights_of(get_preset(variant.preset)):
        warn(
            f"preset {preset.name!r} does not fit variant {variant.name!r}, whose weights expect "
            f"{variant.preset!r}; the answers will be wrong"
        )
    return preparation


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
            failures.append(_report(argument, str(error)))
    return paths, failures


def report_skipped(skipped: Iterable[SkippedImage]) -> list[Failure]:
    """Warn of images that could not be read, and return them as failures."""
    return [_report(image.name, image.error) for image in skipped]


def _report(path: str, error: str) -> Failure:
    warn(f"skipped {error}")
    return Failure(path, error)


def mean_option(text: str | None) -> str | list[float] | None:
    """Return the three numbers of --mean, or the path of a file."""
    if text is not None:
        with suppress(ValueError):
            return [float(part) for part in text.split(",")]
    return text
