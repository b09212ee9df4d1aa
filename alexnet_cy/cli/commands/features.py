"""`alexnet-cy features`: write the values of layers for images to a file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, get_args

from alexnet_cy.cli.failures import CommandError, UsageError, note
from alexnet_cy.cli.images import (
    add_image_arguments,
    chosen_preparation,
    find_paths,
    report_skipped,
    require_images,
)
from alexnet_cy.cli.network import load_network, random_network, summary_of
from alexnet_cy.cli.options import (
    Subparsers,
    add_image_options,
    add_json_option,
    add_names_option,
    add_threads_option,
    add_weights_option,
    argument,
    image_size,
    whole_number,
)
from alexnet_cy.cli.output import make_table, print_json, printable, stdout_console
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs, weights_read
from alexnet_cy.cli.progress import progress_bar
from alexnet_cy.extraction.form import DType, Pool
from alexnet_cy.extraction.formats.choose import Format, format_of
from alexnet_cy.extraction.items import collect
from alexnet_cy.extraction.journal import read_progress
from alexnet_cy.extraction.unfinished import unfinished_folder
from alexnet_cy.extraction.write import RANDOM_NOTE, resolve_layers, shard_name

if TYPE_CHECKING:
    from alexnet_cy.extraction.write import WrittenFeatures
    from alexnet_cy.images.batches import OnError
    from alexnet_cy.model import AlexNet

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Write the values of layers for images: files, folders of them, lists (--from), datasets of HDF5
files (FILE.h5::DATASET). The ending of the output's name is its format: .npz, .npy (one layer),
.h5, .mat, .csv, .parquet; without one it is a folder with a .npy file for each layer. An image that
cannot be read is reported and skipped, and the exit status is then 1. What is interrupted goes on
where it was when the same command is given again.
"""

ON_ERROR: dict[str, OnError] = {"skip": "skip", "nan": "nan", "stop": "raise"}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "features", help="write the values of layers to a file", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    add_image_arguments(parser)
    parser.add_argument(
        "-l",
        "--layer",
        dest="layers",
        action="append",
        metavar="NAME,...",
        help="layers, such as conv5, fc7 or fc7_pre (before the ReLU), or other tools' names; all "
        "for all of them; may be given several times (default: fc7)",
    )
    add_names_option(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE|FOLDER", help="what is written"
    )
    parser.add_argument(
        "--pool",
        choices=get_args(Pool),
        help="one number for each channel: the mean of its positions, their maximum, or the root "
        "of the sum of their squares",
    )
    parser.add_argument("--flatten", action="store_true", help="one axis in place of C x H x W")
    parser.add_argument(
        "--dtype", choices=get_args(DType), default="float32", help="float16 takes half the space"
    )
    parser.add_argument(
        "--on-error",
        choices=list(ON_ERROR),
        default="skip",
        help="an image that cannot be read has no row, or a row of NaN, or ends the command "
        "(default: skip)",
    )
    parser.add_argument(
        "--shard",
        type=argument(_shard),
        metavar="I/N",
        help="the I-th of N parts of the images, from 1, to a file of its own; one that is there "
        "already is left alone",
    )
    parser.add_argument(
        "--restart", action="store_true", help="begin anew, whatever an earlier run has done"
    )
    add_weights_option(parser)
    parser.add_argument(
        "--random",
        type=whole_number(0),
        metavar="SEED",
        help="use random weights in place of a file, for tests and timing",
    )
    add_image_options(parser)
    parser.add_argument(
        "--size",
        type=argument(image_size),
        metavar="N|HxW",
        help="of the network's input, in pixels (default: the variant's own)",
    )
    add_overwrite_option(parser)
    add_threads_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    layers = _layers(args)
    output = shard_name(args.output, args.shard)
    kind = _check_arguments(args, layers)
    paths, failures, left_out = find_paths(args)
    require_images(paths, ": nothing is written")
    if not kind.is_folder:
        _allow_files(args, kind.files(output), output, paths)
    net = load_network(args) if args.random is None else random_network(args)
    resolved = resolve_layers(net.variant, layers, args.names)
    preparation = chosen_preparation(args, net, args.size)
    if args.random is not None:
        note(RANDOM_NOTE)
    started = perf_counter()
    collection = replace(collect(paths, args.order), left_out=left_out)
    with _told_what_is_kept(output), progress_bar() as advance:
        written = net.write_features(
            collection,
            args.output,
            layers,
            names=args.names,
            preset=preparation,
            threads=args.threads,
            on_error=ON_ERROR[args.on_error],
            pool=args.pool,
            flatten=args.flatten,
            dtype=args.dtype,
            shard=args.shard,
            overwrite=args.overwrite,
            restart=args.restart,
            progress=advance,
            announce=None if args.quiet else _announce,
        )
    failures += report_skipped(written.skipped)
    elapsed_s = perf_counter() - started
    n_rows = next(iter(written.shapes.values()))[0]
    summary = {
        "output": written.output,
        **summary_of(net),
        "preset": preparation.preset.name,
        "layers": {layer: list(shape) for layer, shape in written.shapes.items()},
        "values": resolved,
        "images": n_rows,
        "resumed": written.resumed,
        "skipped": [failure._asdict() for failure in failures],
        "left_out": [item._asdict() for item in written.left_out],
        "seconds": round(elapsed_s, 3),
        "images_per_second": round((len(paths) - written.resumed) / elapsed_s, 2),
    }
    if args.json:
        print_json(summary)
    else:
        _print_summary(net, written, n_rows, len(failures), elapsed_s)
    return 1 if failures else 0


def _layers(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the names of --layer, each once; commas separate several."""
    names = [name.strip() for text in args.layers or ["fc7"] for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"need I/N with I from 1 to N, such as 3/100, got {text!r}")
    return int(match[1]), int(match[2])


def _check_arguments(args: argparse.Namespace, layers: tuple[str, ...]) -> Format:
    """Refuse arguments that do not go together before anything is opened."""
    if args.random is not None and args.weights is not None:
        raise UsageError("--random and --weights exclude each other")
    try:
        kind = format_of(args.output, ["all", *layers] if "all" in layers else layers)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    try:
        kind.check_library()
    except ImportError as error:
        raise CommandError(f"--output {args.output}: {error}") from error
    return kind


def _allow_files(args: argparse.Namespace, files: list[str], output: str, paths: list[str]) -> None:
    read = [*paths, *(name for name in args.lists if name != "-")]
    read += [args.mean] if args.mean else []
    read += weights_read(args.weights) if args.random is None else []
    going_on = read_progress(unfinished_folder(output))[0].packed or args.shard is not None
    allow_outputs(files, read, overwrite=args.overwrite or going_on)


@contextmanager
def _told_what_is_kept(output: str) -> Iterator[None]:
    """If the block fails, say what is done and how to go on."""
    try:
        yield
    except BaseException:
        folder = unfinished_folder(output)
        done = read_progress(folder)[0].done
        if done:
            note(f"{done} images are done and kept in {printable(folder)}; give the command again")
        raise


def _announce(text: str) -> None:
    note(printable(text))


def _print_summary(
    net: AlexNet, written: WrittenFeatures, n_images: int, n_failures: int, elapsed_s: float
) -> None:
    console = stdout_console()
    table = make_table("layer", ">shape")
    for layer, shape in written.shapes.items():
        table.add_row(layer, " x ".join(map(str, shape)))
    console.print(table)
    skipped = f", {n_failures} skipped" if n_failures else ""
    console.print(
        f"{printable(written.output)}: {n_images} image{'s' * (n_images != 1)}{skipped}, "
        f"{elapsed_s:.2f} s, {(n_images - written.resumed) / elapsed_s:.1f} img/s; "
        f"{printable(net.origin.name)}, variant {net.variant.name}",
        soft_wrap=True,
    )
