"""`alexnet-cy rdm`: what a layer takes for alike."""

from __future__ import annotations

import argparse
import json
import os

from alexnet_cy.cli.failures import UsageError
from alexnet_cy.cli.options import Subparsers, add_json_option
from alexnet_cy.cli.output import print_json, printable, stdout_console
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs
from alexnet_cy.machine.replace_file import replace_file

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Write the representational dissimilarity matrix of features, which `alexnet-cy features` has
written: how different every image is from every other one. OUT is a .npy file with the matrix, or a
.npz file with "rdm", "files" and "metadata".
"""

METRICS = ("correlation", "cosine", "euclidean")


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "rdm", help="how different images are for a layer", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    add_features_arguments(parser)
    parser.add_argument(
        "-m", "--metric", choices=METRICS, default="correlation", help="default: correlation"
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="a .npy or .npz file")
    parser.add_argument("--picture", metavar="FILE", help="write the matrix as a .png file too")
    add_overwrite_option(parser)
    add_json_option(parser)


def add_features_arguments(parser: argparse.ArgumentParser) -> None:
    """Add FEATURES and --layer."""
    parser.add_argument(
        "features", metavar="FEATURES", help="a .npz, .npy or .h5 file, or a folder of .npy files"
    )
    parser.add_argument(
        "-l", "--layer", metavar="NAME", help="which layer, if there are several in the file"
    )


def check_picture(path: str | None) -> None:
    """Refuse a picture that is no .png."""
    if path and os.path.splitext(path)[1].lower() != ".png":
        raise UsageError(f"--picture: need a name that ends in .png, got {path}")


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    import numpy as np

    from alexnet_cy.rsa import rdm
    from alexnet_cy.rsa.feature_files import read_features
    from alexnet_cy.rsa.pictures import save_matrix

    suffix = os.path.splitext(args.output)[1].lower()
    if suffix not in (".npy", ".npz"):
        raise UsageError(f"--output: need a name that ends in .npy or .npz, got {args.output}")
    check_picture(args.picture)
    outputs = [path for path in (args.output, args.picture) if path]
    allow_outputs(outputs, [args.features], overwrite=args.overwrite)
    found = read_features(args.features, args.layer)
    matrix = rdm(found.values, args.metric)
    summary = {"layer": found.layer, "metric": args.metric, "images": len(matrix)}
    with replace_file(args.output) as temporary, open(temporary, "wb") as file:
        if suffix == ".npy":
            np.save(file, matrix)
        else:
            np.savez(file, rdm=matrix, files=np.array(found.names), metadata=json.dumps(summary))
    if args.picture:
        save_matrix(args.picture, matrix)
    if args.json:
        print_json({**summary, "output": args.output})
    else:
        stdout_console().print(
            f"{printable(args.output)}: {args.metric} of {printable(found.layer)}, "
            f"{len(matrix)} x {len(matrix)}",
            soft_wrap=True,
        )
    return 0
