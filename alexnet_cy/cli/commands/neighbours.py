"""`alexnet-cy neighbours`: the images that are most like others."""

from __future__ import annotations

import argparse

from alexnet_cy.cli.commands.rdm import METRICS, add_features_arguments, check_picture
from alexnet_cy.cli.failures import UsageError
from alexnet_cy.cli.options import Subparsers, add_json_option, whole_number
from alexnet_cy.cli.output import print_json, printable, stdout_console
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Print the images that are nearest to an image, or to each, by features that `alexnet-cy features`
has written.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "neighbours", help="the images that are most like others", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    add_features_arguments(parser)
    parser.add_argument(
        "--of",
        action="append",
        metavar="NAME",
        help="an image among the features, by the name that it has there; may be given several "
        "times (default: all)",
    )
    parser.add_argument("-k", type=whole_number(1), default=5, metavar="N", help="default: 5")
    parser.add_argument("-m", "--metric", choices=METRICS, default="cosine", help="default: cosine")
    parser.add_argument(
        "--picture",
        metavar="FILE",
        help="write a .png file with a row for each image: itself, then its neighbours; the names "
        "must be paths of the images",
    )
    add_overwrite_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    from alexnet_cy.rsa import nearest
    from alexnet_cy.rsa.feature_files import read_features
    from alexnet_cy.rsa.pictures import save_sheet

    check_picture(args.picture)
    if args.picture:
        allow_outputs([args.picture], [args.features], overwrite=args.overwrite)
    found = read_features(args.features, args.layer)
    asked = args.of or found.names
    if unknown := [name for name in asked if name not in found.names]:
        raise UsageError(f"--of: {printable(unknown[0])} is not among the {len(found.names)} names")
    near = nearest(
        found.values, args.k, of=[found.names.index(name) for name in asked], metric=args.metric
    )
    names = [[found.names[i] for i in indices] for indices in near.indices]
    if args.picture:
        save_sheet(args.picture, [[name, *row] for name, row in zip(asked, names, strict=True)])
    answers = list(zip(asked, names, near.distances.tolist(), strict=True))
    if args.json:
        images = [
            {
                "image": name,
                "neighbours": [
                    {"image": other, "distance": distance}
                    for other, distance in zip(others, distances, strict=True)
                ],
            }
            for name, others, distances in answers
        ]
        print_json({"layer": found.layer, "metric": args.metric, "images": images})
        return 0
    console = stdout_console()
    for name, others, distances in answers:
        console.print(printable(name), style="bold", soft_wrap=True)
        for other, distance in zip(others, distances, strict=True):
            console.print(f"  {distance:.4f}  {printable(other)}", soft_wrap=True)
    return 0
