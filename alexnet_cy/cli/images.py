"""From image arguments to paths and a preparation; images that are left out are reported."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.cli.failures import CommandError, UsageError, note, warn
from alexnet_cy.cli.output import printable
from alexnet_cy.errors import ImageError

if TYPE_CHECKING:
    from alexnet_cy.images.batches import SkippedImage
    from alexnet_cy.images.folder import LeftOut, Order
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.model import AlexNet

__all__ = [
    "Failure",
    "add_image_arguments",
    "chosen_preparation",
    "expand_folders",
    "find_paths",
    "mean_option",
    "report_skipped",
    "require_images",
]

NAMED_LEFT_OUT = 10


class Failure(NamedTuple):
    """An image that could not be read."""

    path: str
    error: str


def chosen_preparation(
    args: argparse.Namespace, net: AlexNet, input_size: tuple[int, int] | None = None
) -> Preparation:
    """Read --preset, --mean and --exif; warn of a preset that is not for the network's weights.

    Raises
    ------
    ValueError, WeightsError
        The mean cannot be read, or does not go with the preset.
    """
    from alexnet_cy.images import get_preset

    preparation = net.preparation(
        args.preset, mean=mean_option(args.mean), exif=args.exif, input_size=input_size
    )
    preset, variant = preparation.preset, net.variant
    if not preset.suits_weights_of(get_preset(variant.preset)):
        warn(
            f"preset {preset.name!r} does not fit variant {variant.name!r}, whose weights expect "
            f"{variant.preset!r}; the answers will be wrong"
        )
    return preparation


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the images and the ways to list them, which `find_paths` reads."""
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="an image, or a folder of them")
    parser.add_argument(
        "--from",
        dest="lists",
        action="append",
        default=[],
        metavar="FILE|-",
        help="a list of images: one path a line, or a column of a .csv or .tsv; - is stdin; may be "
        "given several times, and comes behind the images above",
    )
    parser.add_argument(
        "--column", metavar="NAME", help="the column of paths, where --from is a table"
    )
    parser.add_argument(
        "--root", metavar="FOLDER", help="what the paths of --from are relative to (default: here)"
    )
    parser.add_argument(
        "--order",
        choices=["name", "natural"],
        default="name",
        help="of the images in a folder: by name, img10 before img2, or naturally, behind it",
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="do not name what folders have besides images"
    )


def find_paths(args: argparse.Namespace) -> tuple[list[str], list[Failure], list[LeftOut]]:
    """Expand folders and lists; a folder that cannot be listed or has no images is a failure.

    Failures are reported, and so is what a folder has besides images.

    Returns
    -------
    list of str, list of Failure, list of LeftOut

    Raises
    ------
    UsageError
        There is nothing to look for.
    ImageError
        A list cannot be read.
    """
    from alexnet_cy.extraction.lists import read_list

    if not args.images and not args.lists:
        raise UsageError("need an IMAGE, a folder of them, or a list with --from")
    paths, failures, left_out = expand_folders(args.images, args.order)
    for name in args.lists:
        paths += read_list(sys.stdin if name == "-" else name, args.column, args.root)
    if not args.quiet:
        _report_left_out(left_out)
    return paths, failures, left_out


def expand_folders(
    arguments: Iterable[str], order: Order = "name"
) -> tuple[list[str], list[Failure], list[LeftOut]]:
    """Replace folders by the images in them; report those that have none or cannot be listed."""
    from alexnet_cy.images.folder import search_images

    paths: list[str] = []
    failures: list[Failure] = []
    left_out: list[LeftOut] = []
    for argument in arguments:
        if not os.path.isdir(argument):
            paths.append(argument)  # as it was typed, for the reports of its reader
            continue
        try:
            found = search_images(argument, order)
            left_out += found.left_out
            if not found.paths:
                raise ImageError(f"{argument!r}: no images in this folder")
            paths += found.paths
        except ImageError as error:
            failures.append(_report(argument, str(error)))
    return paths, failures, left_out


def _report_left_out(left_out: Sequence[LeftOut]) -> None:
    """Say what folders have besides images: the first by name, the rest by number."""
    for path, reason in left_out[:NAMED_LEFT_OUT]:
        note(f"left out {printable(path)}: {reason}")
    more = len(left_out) - NAMED_LEFT_OUT
    if more > 0:
        note(f"left out {more} more; --quiet says nothing of them")


def require_images(paths: Sequence[str], purpose: str) -> None:
    """Refuse images of which none is there, before weights are opened or even fetched.

    Raises
    ------
    CommandError
        There is no path, or no file at any of them.
    """
    if not paths:
        raise CommandError(f"no images{purpose}")
    # "stimuli.h5::imgBrick" is a dataset of a file; of an URL, decoding says that it is none.
    if not any(os.path.lexists(path.partition("::")[0]) or "://" in path for path in paths):
        others = f"; nor are the other {len(paths) - 1} there" if len(paths) > 1 else ""
        raise CommandError(f"{printable(paths[0])}: No such file or directory{others}")


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
