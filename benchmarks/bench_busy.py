"""Times passes on a busy machine: ours and the frameworks', beside programs that never rest.

Each contender has a process of its own with the default settings of its framework, and runs alone
beside 0, 1, 2, ... endless loops, in rounds. Medians alone hide what a busy machine does, so there
are the slowest tenth and the slowest pass too. A turn in which yet other programs wanted the
processors is measured again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import numpy as np
from peers.registry import Peer, find_peer
from rich.console import Console
from rich.table import Table
from side_by_side.networks import make_images, network_in
from side_by_side.processes import ContenderProcess, Gap, Place

from alexnet_cy.bench.other_load import WatchOtherLoad
from alexnet_cy.configuration import config
from alexnet_cy.machine.threads import default_threads
from alexnet_cy.network import get_variant

PEERS = "alexnet_cy,openvino-fp32,onnxruntime,torch-eager"

# Seconds for the loops to begin, or for the threads of the contender before to stop waiting.
REST_S = 0.5

# A turn in which other programs took more, in processors, is measured again, so many times at most.
OTHERS = 0.1
TRIES = 3

Row = dict[str, object]


def main(argv: list[str] | None = None) -> int:
    """Measure, print; return the exit code."""
    args = parse(argv)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory("-busy") as work:
        variant = get_variant(args.variant)
        images = make_images(variant, max(args.batch))
        folder, _ = network_in(Path(work), args.variant, args.weights, images, max(args.batch))
        with open(Path(work, "frameworks.log"), "w", encoding="utf-8") as log:
            place = Place(
                args.threads, tuple(range(args.threads)), {}, sys.executable, log, args.timeout_s
            )
            for name in args.peers:
                rows += measure(find_peer(name), folder, place, args)
    machine = config()
    conditions = {
        name: machine[name] for name in ("alexnet_cy", "processor", "platform", "compiler")
    } | {"threads": args.threads, "seconds": args.seconds, "rounds": args.rounds}
    if args.json:
        print(json.dumps({"conditions": conditions, "rows": rows}, indent=2))
        return 0
    show(rows, conditions)
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=names, default=names(PEERS), metavar="NAME[,NAME]")
    parser.add_argument("--variant", default="caffe")
    parser.add_argument("--weights", choices=("dense", "published"), default="published")
    parser.add_argument("--batch", type=numbers, default=(1, 16), metavar="N[,N]")
    parser.add_argument("--loops", type=numbers, default=(0, 1, 2, 4), metavar="N[,N]")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--seconds", type=float, default=3.0, help="of passes in a turn")
    parser.add_argument("--rounds", type=int, default=2, help="turns beside so many loops")
    parser.add_argument("--timeout-s", type=float, default=900.0)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser.parse_args(argv)


def names(text: str) -> tuple[str, ...]:
    """Split a list of names."""
    return tuple(text.split(","))


def numbers(text: str) -> tuple[int, ...]:
    """Split a list of numbers."""
    return tuple(int(part) for part in text.split(","))


def measure(peer: Peer, folder: object, place: Place, args: argparse.Namespace) -> list[Row]:
    """Time one contender at every batch beside every number of loops."""
    rows: list[Row] = []
    try:
        with ContenderProcess(peer, folder, place) as process:  # type: ignore[arg-type]
            process.ask(do="prepare")
        for batch in args.batch:
            times: dict[int, list[float]] = {n_loops: [] for n_loops in args.loops}
            others: dict[int, list[float]] = {n_loops: [] for n_loops in args.loops}
            for _ in range(args.rounds):
                for n_loops in args.loops:
                    show_progress(f"{peer.title}, batch {batch}, {n_loops} loops")
                    share, passes = min(quiet_turn(peer, folder, place, args, batch, n_loops))
                    times[n_loops] += passes
                    others[n_loops].append(share)
            rows += [
                {
                    "contender": peer.title,
                    "batch": batch,
                    "loops": n_loops,
                    "passes": len(passes),
                    "median_ms": float(np.median(passes)),
                    "p90_ms": float(np.quantile(passes, 0.9)),
                    "max_ms": max(passes),
                    "others": max(others[n_loops]),
                }
                for n_loops, passes in times.items()
            ]
    except Gap as gap:
        show_progress("")
        print(f"{peer.title}: {gap}", file=sys.stderr)
    return rows


def quiet_turn(
    peer: Peer, folder: object, place: Place, args: argparse.Namespace, batch: int, n_loops: int
) -> Iterator[tuple[float, list[float]]]:
    """Yield what others took in a turn and its milliseconds, until nearly nothing was taken."""
    for _ in range(TRIES):
        watch = WatchOtherLoad(children=True)
        # A process of its own for each: what one has learnt of the machine is no help to the next.
        with (
            ContenderProcess(peer, folder, place) as process,  # type: ignore[arg-type]
            endless_loops(n_loops),
        ):
            process.ask(do="load", batch=batch)
            answer = process.ask(do="burst", seconds=args.seconds, passes=5)
        taken = watch.result()
        others = 0.0 if taken is None else taken.processes
        yield others, answer["times_ms"]
        if others <= OTHERS:
            return


@contextmanager
def endless_loops(count: int) -> Iterator[None]:
    """Run so many programs that never rest."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        sleep(REST_S)
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def show(rows: Sequence[Row], conditions: dict[str, object]) -> None:
    """Print a table for each batch."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
    loops = list(dict.fromkeys(row["loops"] for row in rows))
    for batch in dict.fromkeys(row["batch"] for row in rows):
        table = Table("contender", *(f"{n} loops" for n in loops), title=f"batch {batch}")
        mine = [row for row in rows if row["batch"] == batch]
        for contender in dict.fromkeys(str(row["contender"]) for row in mine):
            cells = (
                f"{row['median_ms']:.1f}, {row['p90_ms']:.1f}, {row['max_ms']:.0f}"
                for row in mine
                if row["contender"] == contender
            )
            table.add_row(contender, *cells)
        console.print(table)
    others = max(float(str(row["others"])) for row in rows)
    console.print("milliseconds a pass: median, 90 % take at most, longest", style="dim")
    console.print(f"other programs took at most {others:.2f} of a processor", style="dim")
    console.print(", ".join(f"{name} {value}" for name, value in conditions.items()), style="dim")


def show_progress(what: str) -> None:
    """Show what goes on, in one line of standard error and only on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
