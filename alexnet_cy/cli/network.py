"""From --weights and --variant to a network."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from textwrap import indent

from alexnet_cy.cli.failures import CommandError, describe, note
from alexnet_cy.cli.output import printable
from alexnet_cy.errors import AlexNetError
from alexnet_cy.machine.file_stamp import FileStamp
from alexnet_cy.model import AlexNet
from alexnet_cy.network import Variant, get_variant

__all__ = ["described_network", "fetch_published", "load_network", "random_network", "summary_of"]

OTHER_WEIGHTS = """\
Any other AlexNet file will do as well, of Caffe, PyTorch, ONNX, TensorFlow or safetensors:
  alexnet-cy COMMAND --weights FILE ...
  alexnet-cy weights list"""


def summary_of(net: AlexNet) -> dict[str, object]:
    """Return what programs want to know of a network."""
    return {
        "weights": net.origin.name,
        "format": net.origin.format,
        "variant": net.variant.name,
        "classes": net.variant.num_classes,
    }


def load_network(args: argparse.Namespace) -> AlexNet:
    """Open the weights that --weights names, or else those of the smallest published network.

    Raises
    ------
    CommandError
        A published file cannot be fetched; the advice says how to get it otherwise.
    WeightsError
        The file cannot be read or does not fit.
    """
    from alexnet_cy.published.registry import PUBLISHED, SMALLEST

    name = args.weights or SMALLEST
    path = fetch_published(name) if name in PUBLISHED else name
    return AlexNet.load(path, args.variant, name=name)


def described_network(args: argparse.Namespace) -> Variant:
    """Return the network that --weights has, or else the named one of --variant.

    Raises
    ------
    CommandError, WeightsError
        As of `load_network`.
    """
    return load_network(args).variant if args.weights else get_variant(args.variant or "caffe")


def random_network(args: argparse.Namespace) -> AlexNet:
    """Make the network of --random and --variant."""
    return AlexNet.random(args.variant or "caffe", seed=args.random)


def fetch_published(name: str) -> FileStamp:
    """Return a published file; say so before it is downloaded.

    Raises
    ------
    CommandError
        It cannot be fetched; the advice has the commands that fetch it by hand.
    """
    from alexnet_cy.published.bar import download_bar
    from alexnet_cy.published.download import fetch_stamp, how_to_get, part_of
    from alexnet_cy.published.registry import PublishedFile, get_published

    def announce(file: PublishedFile, path: Path) -> None:
        size = f"{file.size_mb} MB, license: {file.license}"
        note(f"fetching {name} ({size}) from {file.urls[0]} to {printable(path)}")
        with suppress(OSError):
            here = part_of(path).stat().st_size
            note(f"{here / 1e6:.1f} MB are here, of a download that broke off: it is continued")

    try:
        with download_bar(name) as progress:
            return fetch_stamp(name, announce=announce, progress=progress)
    except (AlexNetError, OSError) as error:
        advice = f"To get it with other means:\n{indent(how_to_get(get_published(name)), '  ')}\n"
        raise CommandError(describe(error), advice + OTHER_WEIGHTS) from error
