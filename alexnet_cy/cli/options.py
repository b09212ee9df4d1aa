"""Options that several commands share, and what turns their text into values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import VARIANTS, get_variant
from alexnet_cy.network.aliases import SCHEMES

__all__ = [
    "Subparsers",
    "add_image_options",
    "add_json_option",
    "add_names_option",
    "add_threads_option",
    "add_variant_option",
    "add_weights_option",
    "argument",
    "image_size",
    "number_of_threads",
    "whole_number",
]

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def argument(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make a converter for argparse that reports a ValueError in its own words."""

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return converted


def whole_number(minimum: int) -> Callable[[str], int]:
    """Return a converter to an int of at least `minimum`."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = minimum - 1
        if number < minimum:
            raise argparse.ArgumentTypeError(f"need a whole number from {minimum} up, got {text!r}")
        return number

    return convert


def add_weights_option(parser: argparse.ArgumentParser) -> None:
    """Add --weights and --variant, which `network.load_network` reads."""
    parser.add_argument(
        "--weights",
        metavar="FILE|NAME",
        help="a weight file of any format, or the name of a published one "
        "(alexnet-cy weights list); default: deep-compression, 8.9 MB, fetched on first use",
    )
    add_variant_option(parser, "force the variant, for files that do not record it")


def add_described_options(parser: argparse.ArgumentParser) -> None:
    """Add --weights and --variant, which `network.described_network` reads."""
    parser.add_argument(
        "--weights",
        metavar="FILE|NAME",
        help="the network that this weight file has, or the published one of that name",
    )
    add_variant_option(
        parser, "the network (default: caffe); forces the variant of a file that does not record it"
    )


def add_variant_option(
    parser: argparse.ArgumentParser, text: str, default: str | None = None
) -> None:
    """Add --variant."""
    parser.add_argument(
        "--variant",
        type=argument(lambda name: get_variant(name.lower()).name),
        default=default,
        metavar="NAME",
        help=f"{text}: {', '.join(VARIANTS)}",
    )


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Add what `preparation.Preparation` reads: --preset, --mean and --exif."""
    parser.add_argument(
        "--preset",
        type=argument(_preset_name),
        metavar="NAME",
        help="preprocessing (default: the variant's own): caffe, caffe-10crop, caffe-rgb, warp, "
        "torchvision, torchvision-10crop, torchvision-warp, darknet; as-is: neither resized nor "
        "cropped",
    )
    parser.add_argument(
        "--mean",
        metavar="B,G,R|FILE",
        help="subtract these three numbers, or the mean image in a .npy or .binaryproto file, "
        "instead of the preset's mean",
    )
    add_exif_option(parser)


def add_exif_option(parser: argparse.ArgumentParser) -> None:
    """Add --exif."""
    parser.add_argument(
        "--exif", action="store_true", help="turn photographs upright as their EXIF data say"
    )


def add_names_option(parser: argparse.ArgumentParser) -> None:
    """Add --names, as `network.resolve_layer` takes it."""
    parser.add_argument(
        "--names",
        choices=list(SCHEMES),
        help="whose names of layers these are, where they mean something else to others; "
        "brainscore knows V1, V2, V4 and IT",
    )


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """Add --threads, as a number that the engine takes."""
    parser.add_argument(
        "--threads",
        type=argument(number_of_threads),
        default=None,
        metavar="N",
        help="threads; -1 is all processors (default: OMP_NUM_THREADS, or all that may be used)",
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def image_size(text: str) -> tuple[int, int]:
    """Convert "227" or "256x320" to a height and a width in pixels."""
    match = re.fullmatch(r"([0-9]{1,6})(?:x([0-9]{1,6}))?", text)
    if match is None:
        raise ValueError(f"need pixels, such as 227 or 256x320 (height x width), got {text!r}")
    height = int(match[1])
    return height, int(match[2]) if match[2] else height


def number_of_threads(text: str) -> int:
    """Convert --threads to a number that the engine takes; ValueError for any other text."""
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"need an integer, got {text!r}") from None
    return resolve_threads(number)


def _preset_name(text: str) -> str:
    from alexnet_cy.images import get_preset

    folded = text.lower()
    return folded if folded == "as-is" else get_preset(folded).name
