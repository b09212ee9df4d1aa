"""`alexnet-cy convert`: one weight file to another format."""

from __future__ import annotations

import argparse
import os

from alexnet_cy.cli.failures import UsageError
from alexnet_cy.cli.network import fetch_published
from alexnet_cy.cli.options import Subparsers, add_json_option, add_variant_option
from alexnet_cy.cli.output import print_json, printable, stdout_console
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs, weights_read

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Write a weight file of any format anew, in the format that the ending of OUT says: .safetensors,
.npz, .onnx, .caffemodel or .pth, a state dict that torchvision's AlexNet loads if the network is
torchvision's. As float32 the values keep every bit of what is loaded from IN; as
float16, for .safetensors, the file has half the size and every value is rounded to 11 bits.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "convert", help="one weight file to another format", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "source", metavar="IN", help="a weight file, or the name of a published one"
    )
    parser.add_argument("target", metavar="OUT", help="the new file")
    add_variant_option(parser, "force the variant, for files that do not record it")
    parser.add_argument(
        "--dtype", choices=("float32", "float16"), default="float32", help="default: float32"
    )
    parser.add_argument(
        "--until",
        metavar="LAYER",
        help="write the network up to this layer only, such as conv5: enough for lpips, and for "
        "features of these layers",
    )
    add_overwrite_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    from alexnet_cy.network.parts import part_until
    from alexnet_cy.published.registry import PUBLISHED
    from alexnet_cy.weights import open_network
    from alexnet_cy.weights.writing import find_writer, write_network

    try:
        find_writer(args.target, args.dtype)
    except ValueError as error:
        raise UsageError(f"OUT: {error}") from None
    allow_outputs([args.target], weights_read(args.source), overwrite=args.overwrite)
    source = fetch_published(args.source) if args.source in PUBLISHED else args.source
    network = open_network(source, args.variant)
    metadata = dict(network.metadata)
    metadata.pop("variant_note", None)
    kept = network.variant if args.until is None else part_until(network.variant, args.until)
    tensors = {name: network.tensors[name].read() for name in kept.parameter_shapes()}
    write_network(args.target, kept, tensors, metadata, dtype=args.dtype)
    summary = {
        "source": args.source,
        "source_format": network.format,
        "target": args.target,
        "dtype": args.dtype,
        "variant": kept.name,
        "classes": kept.num_classes,
        "bytes": os.stat(args.target).st_size,
    }
    if args.json:
        print_json(summary)
        return 0
    stdout_console().print(
        f"{printable(args.target)}: variant {network.variant.name}, {network.variant.num_classes} "
        f"classes, {args.dtype}, {summary['bytes'] / 1e6:.1f} MB; from {network.format}",
        soft_wrap=True,
    )
    return 0
