"""`alexnet-cy evaluate`: how often a network is right on images whose classes are known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_cy.cli.evaluations import evaluation_entries, print_evaluation
from alexnet_cy.cli.images import chosen_preparation, report_skipped
from alexnet_cy.cli.network import load_network, summary_of
from alexnet_cy.cli.options import (
    Subparsers,
    add_image_options,
    add_json_option,
    add_threads_option,
    add_weights_option,
)
from alexnet_cy.cli.output import print_json
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs, weights_read
from alexnet_cy.cli.progress import parts_bar

if TYPE_CHECKING:
    from alexnet_cy.images.batches import SkippedImage

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Compare a network's answers with the folders that the images are in: a folder for each class, called
like it, or by WordNet id for ImageNet's classes. Prints the share of right first answers, and
whether the class is among the first five, the mean over the classes, what each class is taken for,
and the images that were got most wrong. An image that cannot be read is reported and skipped, and
the exit status is then 1.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "evaluate", help="how often a network is right", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", metavar="FOLDER", help="a folder of folders of images")
    add_weights_option(parser)
    add_confusion_option(parser)
    add_image_options(parser)
    add_overwrite_option(parser)
    add_threads_option(parser)
    add_json_option(parser)


def add_confusion_option(parser: argparse.ArgumentParser) -> None:
    """Add --confusion."""
    parser.add_argument(
        "--confusion",
        type=Path,
        metavar="FILE",
        help="write the confusion matrix as CSV: a row for each class, a column for each answer",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    if args.confusion is not None:
        allow_outputs([args.confusion], weights_read(args.weights), overwrite=args.overwrite)
    net = load_network(args)
    preparation = chosen_preparation(args, net)
    skipped: list[SkippedImage] = []
    with parts_bar() as advance:
        found = net.evaluate(
            args.folder,
            preset=preparation,
            threads=args.threads,
            on_skipped=skipped.append,
            progress=advance,
        )
    failures = report_skipped(skipped)
    if args.confusion is not None:
        found.save_confusion(args.confusion)
    if args.json:
        head = {**summary_of(net), "preset": preparation.preset.name}
        entries = [failure._asdict() for failure in failures]
        print_json({**head, **evaluation_entries(found), "skipped": entries})
    else:
        print_evaluation(found)
    return 1 if failures else 0
