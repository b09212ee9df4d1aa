"""Times AlexNet on frameworks side by side: the same weights, images, threads and processors.

Each contender has a process of its own; they run in turn, in rounds, and medians count. Who is not
installed is a gap in the tables. benchmarks/README.md says how to install them all and what the
figures mean.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import bench_training
from rich.console import Console
from side_by_side.networks import make_images, network_in
from side_by_side.options import parse
from side_by_side.processes import Place
from side_by_side.results import Comparison, threads_text
from side_by_side.schedule import Effort, measure_speeds, measure_starts, prepare
from side_by_side.tables import print_comparison

from alexnet_cy.bench.other_load import WatchOtherLoad
from alexnet_cy.configuration import config
from alexnet_cy.network import get_variant

EXIT_INTERRUPTED = 130

# Columns of tables that are not for a terminal.
FILE_WIDTH = 160


def main(argv: list[str] | None = None) -> int:
    """Measure, print; return the exit code. After Ctrl-C what is complete is printed."""
    args = parse(__doc__, argv)
    comparison = Comparison(conditions_of(args), {peer.name: peer.title for peer in args.peers})
    watch, exit_code = WatchOtherLoad(), 0
    try:
        with ExitStack() as stack:
            work = args.keep or stack.enter_context(tempfile.TemporaryDirectory("-peers"))
            compare(comparison, args, Path(work))
    except KeyboardInterrupt:
        exit_code = EXIT_INTERRUPTED
    show_progress("")
    taken = watch.result()
    # The contenders are processes of their own, so all of what they take is in here too.
    comparison.conditions["host_took_processors"] = None if taken is None else taken.host
    show(comparison, args)
    return exit_code


def conditions_of(args: argparse.Namespace) -> dict[str, object]:
    """Describe the machine and the work, JSON-ready."""
    machine = config()
    taken = ("alexnet_cy", "python", "numpy", "platform", "processor", "compiler", "huge_pages")
    return {name: machine[name] for name in taken} | {
        "variant": args.variant,
        "processors": list(args.processors),
        "rounds": args.rounds,
        "burst_s": args.burst_s,
        "burst_passes": args.burst_passes,
        "starts": args.starts,
    }


def compare(comparison: Comparison, args: argparse.Namespace, work: Path) -> None:
    """Make the networks and measure everything into `comparison`."""
    work.mkdir(parents=True, exist_ok=True)
    images = make_images(get_variant(args.variant), max(args.batch))
    effort = Effort(args.rounds, args.starts, args.burst_s, args.burst_passes)
    with (work / "frameworks.log").open("w", encoding="utf-8") as log:
        for kind in args.weights:
            show_progress(f"{kind} weights")
            folder, densities = network_in(work, args.variant, kind, images, max(args.batch))
            comparison.densities[kind] = [asdict(layer) for layer in densities]
            places = [
                Place(
                    threads,
                    args.processors[:threads],
                    dict(args.pythons),
                    sys.executable,
                    log,
                    args.timeout_s,
                )
                for threads in args.threads
            ]
            ready = prepare(comparison, args.peers, folder, places[-1], show_progress)
            for place in places:
                if kind == args.weights[0] and args.starts > 0:
                    measure_starts(comparison, ready, folder, place, effort, show_progress)
                measure_speeds(
                    comparison, kind, ready, args.batch, folder, place, effort, show_progress
                )
    compare_training(comparison, args)


def compare_training(comparison: Comparison, args: argparse.Namespace) -> None:
    """Time training steps, ours and PyTorch's, into `comparison`."""
    for threads in args.threads:
        for batch in args.train:
            case = f"training step, {threads_text(threads)}, batch {batch}"
            show_progress(case)
            rows, gaps = bench_training.compare(
                args.variant, batch, threads, args.rounds, pythons=dict(args.pythons)
            )
            comparison.training += [{"threads": threads, "batch": batch, **row} for row in rows]
            comparison.gaps.update({f"{name}, {case}": why for name, why in gaps.items()})


def show(comparison: Comparison, args: argparse.Namespace) -> None:
    """Write the picture, the JSON, the tables."""
    if args.plot is not None and comparison.speeds:
        from side_by_side.plot import draw

        draw(comparison, args.plot)
    text = json.dumps(comparison.as_json(args.reference), indent=2, allow_nan=False) + "\n"
    if args.json == "-":
        sys.stdout.write(text)
        return
    if args.json is not None:
        Path(args.json).write_text(text, encoding="utf-8")
    width = None if sys.stdout.isatty() else FILE_WIDTH
    console = Console(width=width, highlight=False, markup=False)
    print_comparison(comparison, args.reference, console)


def show_progress(what: str) -> None:
    """Show what goes on, in one line of standard error and only on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
