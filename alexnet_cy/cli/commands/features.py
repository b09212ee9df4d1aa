"""`alexnet-cy features`: write the values of layers for images to a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from alexnet_cy.cli.failures import CommandError, UsageError, note
from alexnet_cy.cli.feature_file import FeatureFile, written_files
from alexnet_cy.cli.images import Failure, chosen_preparation, find_paths, report_skipped
from alexnet_cy.cli.network import load_network, random_network, summary_of
from alexnet_cy.cli.options import (
    Subparsers,
    add_image_options,
    add_json_option,
    add_threads_option,
    add_weights_option,
    whole_number,
)
from alexnet_cy.cli.output import make_table, print_json, printable, stdout_console
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs, weights_read
from alexnet_cy.configuration import config
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import resolve_layer

if TYPE_CHECKING:
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.model import AlexNet

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Write the values of layers for images, files or folders of them, to a .npz file: an array for each
layer, "files" with the images' names in the order of the rows, and "metadata". One layer can also
go to a .npy file; the names are then in a .json file beside it. An image that cannot be read is
reported and skipped, and the exit status is then 1. The file appears only when it is complete,
and takes the place of another one only with --overwrite.
"""

RANDOM_NOTE = "random weights: for tests and timing, the values mean nothing"
SUFFIXES = (".npz", ".npy")

Advance: TypeAlias = Callable[[int], None]


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "features", help="write the values of layers to a file", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="an image, or a folder of them")
    parser.add_argument(
        "-l",
        "--layer",
        dest="layers",
        action="append",
        metavar="NAME",
        help="a layer, such as conv5, fc7 or fc7_pre (before the ReLU), or torchvision's name; "
        "may be given several times (default: fc7)",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="the .npz or .npy file"
    )
    add_weights_option(parser)
    parser.add_argument(
        "--random",
        type=whole_number(0),
        metavar="SEED",
        help="use random weights in place of a file, for tests and timing",
    )
    add_image_options(parser)
    add_overwrite_option(parser)
    add_threads_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    layers = tuple(dict.fromkeys(args.layers or ["fc7"]))
    _check_arguments(args, layers)
    paths, failures = find_paths(args.images)
    if not paths:
        raise CommandError("no images: nothing is written")
    read = [*paths, *([args.mean] if args.mean else [])]
    if args.random is None:
        read += weights_read(args.weights)
    allow_outputs(written_files(args.output), read, overwrite=args.overwrite)
    net = load_network(args) if args.random is None else random_network(args)
    for layer in layers:
        resolve_layer(net.variant, layer)
    preparation = chosen_preparation(args, net)
    threads = resolve_threads(args.threads)
    if args.random is not None:
        note(RANDOM_NOTE)
    started = perf_counter()
    with FeatureFile(args.output, layers, args.overwrite) as file:
        files = _stream(net, paths, preparation, layers, threads, failures, file)
        if not files:
            raise CommandError("none of the images could be read: nothing is written")
        shapes = file.finish(files, _metadata(net, preparation, layers, args.mean))
    elapsed_s = perf_counter() - started
    summary = {
        "output": str(args.output),
        **summary_of(net),
        "preset": preparation.preset.name,
        "layers": shapes,
        "images": len(files),
        "skipped": [failure._asdict() for failure in failures],
        "seconds": round(elapsed_s, 3),
        "images_per_second": round(len(files) / elapsed_s, 2),
    }
    if args.json:
        print_json(summary)
    else:
        _print_summary(args.output, net, shapes, len(files), len(failures), elapsed_s)
    return 1 if failures else 0


def _check_arguments(args: argparse.Namespace, layers: tuple[str, ...]) -> None:
    """Refuse arguments that do not go together before anything is opened."""
    suffix = args.output.suffix
    if suffix not in SUFFIXES:
        raise UsageError(f"--output: need a name that ends in .npz or .npy, got {args.output}")
    if suffix == ".npy" and len(layers) > 1:
        raise UsageError(f"--output: a .npy file holds one layer, {len(layers)} were given")
    if args.random is not None and args.weights is not None:
        raise UsageError("--random and --weights exclude each other")


def _stream(
    net: AlexNet,
    paths: list[str],
    preparation: Preparation,
    layers: tuple[str, ...],
    threads: int,
    failures: list[Failure],
    file: FeatureFile,
) -> list[str]:
    """Run the network on batch after batch and write its values; return the images' names."""
    files: list[str] = []
    batches = net.iter_features(paths, layers, preset=preparation, threads=threads, on_error="skip")
    with _progress(len(paths)) as advance:
        for batch in batches:
            failures += report_skipped(batch.skipped)
            if batch.names:
                file.append(batch.values)
            files += batch.names
            advance(len(files))
    return files


@contextmanager
def _progress(n_images: int) -> Iterator[Advance]:
    """Show a bar with images per second on stderr, if that is a terminal.

    Yields
    ------
    callable
        Called with the images done so far.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        # No bar at all: Rich 13 and 14 end a disabled one with a blank line.
        yield lambda n_done: None
        return
    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} img/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    started = perf_counter()
    with bar:
        task = bar.add_task("", total=n_images, rate="-")

        def advance(n_done: int) -> None:
            rate = f"{n_done / (perf_counter() - started):.1f}"
            bar.update(task, completed=n_done, rate=rate)

        yield advance


def _metadata(
    net: AlexNet, preparation: Preparation, layers: tuple[str, ...], mean: str | None
) -> dict[str, object]:
    """Return what is to be known of the values, so that they can be computed again."""
    settings = config()
    metadata = {
        **summary_of(net),
        "preset": preparation.preset.name,
        "exif": preparation.exif,
        "layers": list(layers),
        "alexnet_cy": settings["alexnet_cy"],
        "isa": settings["isa_active"],
    }
    if mean is not None:
        values = preparation.mean
        metadata["mean"] = values.reshape(3).tolist() if values.size == 3 else "an image, --mean"
    if net.origin.format == "random":
        metadata["note"] = RANDOM_NOTE
    return metadata


def _print_summary(
    output: Path,
    net: AlexNet,
    shapes: dict[str, list[int]],
    n_images: int,
    n_failures: int,
    elapsed_s: float,
) -> None:
    console = stdout_console()
    table = make_table("layer", ">shape")
    for layer, shape in shapes.items():
        table.add_row(layer, " x ".join(map(str, shape)))
    console.print(table)
    skipped = f", {n_failures} skipped" if n_failures else ""
    console.print(
        f"{printable(output)}: {n_images} image{'s' * (n_images != 1)}{skipped}, "
        f"{elapsed_s:.2f} s, {n_images / elapsed_s:.1f} img/s; {printable(net.origin.name)}, "
        f"variant {net.variant.name}",
        soft_wrap=True,
    )
