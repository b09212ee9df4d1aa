"""`alexnet-cy classify`: name what is in images."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from alexnet_cy.cli.images import (
    Failure,
    add_image_arguments,
    chosen_preparation,
    find_paths,
    report_skipped,
    require_images,
)
from alexnet_cy.cli.network import load_network, summary_of
from alexnet_cy.cli.options import (
    Subparsers,
    add_image_options,
    add_json_option,
    add_threads_option,
    add_weights_option,
    whole_number,
)
from alexnet_cy.cli.output import print_json, printable, stdout_console
from alexnet_cy.labels import Prediction
from alexnet_cy.machine.threads import resolve_threads

if TYPE_CHECKING:
    from rich.console import Console

    from alexnet_cy.image_stream import PredictionBatch

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Name what is in images: files, or folders of them with all that is below. An image that cannot be
read is reported and skipped, and the exit status is then 1.
"""

BAR_CELLS = 20
LABEL_CELLS = 30  # "American Staffordshire terrier", the longest


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "classify", help="name what is in images", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    add_image_arguments(parser)
    add_weights_option(parser)
    parser.add_argument(
        "--top", type=whole_number(1), default=5, metavar="N", help="how many classes (default: 5)"
    )
    add_image_options(parser)
    add_threads_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    paths, failures, _ = find_paths(args)
    require_images(paths, " to classify")
    net = load_network(args)
    preparation = chosen_preparation(args, net)
    threads = resolve_threads(args.threads)
    started = perf_counter()
    batches = net.iter_predictions(
        paths, args.top, preset=preparation, threads=args.threads, on_error="skip"
    )
    answers = _answers(batches, failures)
    if args.json:
        head = {**summary_of(net), "preset": preparation.preset.name, "threads": threads}
        print_json({**head, "images": _entries(answers, failures)})
        return 1 if failures else 0
    console = stdout_console()
    n_images = 0
    for path, predictions in answers:
        n_images += 1
        _print_predictions(console, path, predictions)
    if n_images:
        console.print(
            f"{n_images} image{'s' * (n_images != 1)} in {perf_counter() - started:.2f} s, reading "
            f"the weights included, on {threads} thread{'s' * (threads != 1)}; "
            f"{printable(net.origin.name)}: variant {net.variant.name}, preset "
            f"{preparation.preset.name}",
            style="dim",
            soft_wrap=True,
        )
    return 1 if failures else 0


def _answers(
    batches: Iterable[PredictionBatch], failures: list[Failure]
) -> Iterator[tuple[str, list[Prediction]]]:
    """Yield path and classes of each image; append those that are skipped to `failures`."""
    for batch in batches:
        failures += report_skipped(batch.skipped)
        yield from zip(batch.names, batch.predictions, strict=True)


def _entries(
    answers: Iterable[tuple[str, list[Prediction]]], failures: list[Failure]
) -> list[dict[str, object]]:
    """Return what JSON says of each image; `failures` is complete once the answers are."""
    entries: list[dict[str, object]] = [
        {"path": path, "predictions": [prediction._asdict() for prediction in predictions]}
        for path, predictions in answers
    ]
    return entries + [failure._asdict() for failure in failures]


def _print_predictions(console: Console, path: str, predictions: list[Prediction]) -> None:
    """Print a row per class: probability, bar, label, WordNet id."""
    from rich.text import Text

    console.print(printable(path), style="bold", soft_wrap=True)
    cell = "━" if console.encoding.startswith("utf") else "-"
    for wnid, label, probability in predictions:
        bar = f"{cell * round(BAR_CELLS * probability):{BAR_CELLS}}"
        percent = f"{100 * probability:7.1f} %  "
        line = (percent, (bar, "cyan"), f"  {label:{LABEL_CELLS}}  ", (wnid, "dim"))
        console.print(Text.assemble(*line), soft_wrap=True)
    console.print()
