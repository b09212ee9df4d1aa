"""`alexnet-cy bench`: time a network of random weights layer by layer, beside NumPy."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_cy.bench.settings import (
    DEFAULT_REPEATS,
    DEFAULT_TRAINING_BATCH,
    DEFAULT_TRAINING_REPEATS,
    Settings,
    make_settings,
)
from alexnet_cy.cli.failures import CommandError, UsageError
from alexnet_cy.cli.network import described_network
from alexnet_cy.cli.options import (
    Subparsers,
    add_described_options,
    argument,
    number_of_threads,
    whole_number,
)
from alexnet_cy.cli.output import print_json, stdout_console
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs
from alexnet_cy.engine.choice.conv_algorithms import algorithm_names
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.machine.threads import default_threads

if TYPE_CHECKING:
    from alexnet_cy.bench.results import Report

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Time every layer of a network of random weights: median and minimum, speed, the share of the
machine's limit that this is, NumPy's time for the same layer and the speed-up. Ours and NumPy run
in turn; the limits, multiply-adds and reading memory, are measured in the same run. With --train
it is a training step, and a row for each layer's forward pass, its gradients by what it reads
("data") and by its weights, and its update.
"""

STANDARD_OUTPUT = "-"


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "bench", help="time every layer, beside NumPy", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    add_described_options(parser)
    parser.add_argument(
        "--train",
        action="store_true",
        help="time a training step: forward, gradients and update of every layer",
    )
    parser.add_argument(
        "--batch",
        type=_list_of(whole_number(1)),
        metavar="N[,N]",
        help=f"images in a batch (default: 1, with --train {DEFAULT_TRAINING_BATCH})",
    )
    parser.add_argument(
        "--threads",
        type=argument(_list_of(number_of_threads)),
        metavar="N[,N]",
        help="threads; -1 is all processors (default: OMP_NUM_THREADS, or all that may be used)",
    )
    parser.add_argument(
        "--isa", metavar="LEVEL", help="instruction-set level (default: the best that runs here)"
    )
    parser.add_argument(
        "--algorithm", choices=algorithm_names(), default="auto", help="of the convolutions"
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="time the algorithms of every convolution first, once, and take the fastest",
    )
    parser.add_argument(
        "--repeats",
        type=whole_number(1),
        metavar="N",
        help=f"passes that count (default: {DEFAULT_REPEATS}, with --train "
        f"{DEFAULT_TRAINING_REPEATS} steps)",
    )
    parser.add_argument(
        "--no-baseline", dest="baseline", action="store_false", help="leave NumPy out"
    )
    parser.add_argument(
        "--loops",
        action="store_true",
        help="time the layers in plain Python loops too; of large ones a part, scaled up",
    )
    parser.add_argument(
        "--json",
        nargs="?",
        const=STANDARD_OUTPUT,
        metavar="FILE",
        help="write the figures as JSON to FILE, or to standard output instead of the tables",
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw them: .png, .svg or .pdf (needs matplotlib)"
    )
    add_overwrite_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    settings = _settings(args)
    try:
        report = _measure(settings)
    except ArithmeticError as error:
        raise CommandError(str(error)) from error
    _write(report, args)
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    """Check what argparse could not; UsageError for what does not fit."""
    try:
        _check_places(args)
        return make_settings(
            described_network(args),
            args.batch or ((DEFAULT_TRAINING_BATCH,) if args.train else (1,)),
            args.threads or (default_threads(),),
            level=args.isa,
            algorithm=args.algorithm,
            repeats=args.repeats or (DEFAULT_TRAINING_REPEATS if args.train else DEFAULT_REPEATS),
            with_baseline=args.baseline,
            with_loops=args.loops,
            tuned=args.tune,
            training=args.train,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _check_places(args: argparse.Namespace) -> None:
    """Refuse files that cannot be written before anything is measured."""
    files = [path for path in (args.json, args.plot) if path not in (None, STANDARD_OUTPUT)]
    allow_outputs(files, overwrite=args.overwrite)
    if args.plot is not None:
        from alexnet_cy.bench.plot import check_format

        check_format(args.plot)


def _measure(settings: Settings) -> Report:
    from alexnet_cy.bench.measure import count_steps, measure
    from alexnet_cy.bench.progress import progress_bar
    from alexnet_cy.bench.training.measure import measure_training

    with progress_bar(count_steps(settings)) as report:
        return (measure_training if settings.training else measure)(settings, report)


def _write(report: Report, args: argparse.Namespace) -> None:
    """Write the output, files first; the tables unless JSON has standard output."""
    if args.plot is not None:
        from alexnet_cy.bench.plot import draw

        draw(report, args.plot)
    if args.json == STANDARD_OUTPUT:
        print_json(report.as_json())
        return
    if args.json is not None:
        text = json.dumps(report.as_json(), indent=2, allow_nan=False) + "\n"
        with replace_file(args.json) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")
    from alexnet_cy.bench.tables import print_report

    print_report(report, stdout_console())


def _list_of(convert: Callable[[str], int]) -> Callable[[str], tuple[int, ...]]:
    """Return a converter of numbers with commas between them; each counts once."""

    def converted(text: str) -> tuple[int, ...]:
        return tuple(dict.fromkeys(convert(part) for part in text.split(",")))

    return converted
