"""Prints a comparison for people."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from bench_training import row_text

from side_by_side.results import Comparison, Start, threads_text, weights_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["print_comparison"]

GAP = "–"


def print_comparison(comparison: Comparison, reference: str, console: Console) -> None:
    """Print the conditions, the speeds, how they compare, the starts and the gaps."""
    for line in describe(comparison):
        console.print(line)
    for weights, threads in comparison.cases():
        case = f"{weights_text(weights)}, {threads_text(threads)}"
        _print(console, f"{case}: images a second", speed_table(comparison, weights, threads))
        if any(speed.peer == reference for speed in comparison.speeds):
            title = f"{case}: times as fast as {comparison.titles[reference]}"
            _print(console, title, ratio_table(comparison, weights, threads, reference))
    if comparison.starts:
        _print(console, "one image, from the start of the process", start_table(comparison))
    for (threads, batch), rows in groupby(comparison.training, itemgetter("threads", "batch")):
        title = f"a training step, {threads_text(threads)}, batch {batch}"
        console.print(f"\n{title}", style="bold")
        for row in rows:
            console.print(f"  {row_text(row)}")
    if comparison.gaps:
        console.print("\nNot measured:", style="bold")
    for what, why in comparison.gaps.items():
        console.print(f"  {what}: {why.strip().splitlines()[0] if why.strip() else 'no reason'}")


def _print(console: Console, title: str, table: Table) -> None:
    console.print()
    console.print(title, style="bold")
    console.print(table)


def describe(comparison: Comparison) -> list[str]:
    """Say in a few lines what was measured, and on what."""
    c = comparison.conditions
    lines = [
        f"{c['variant']} on {c['processor']}, processors {c['processors']}; every contender in a "
        "process of its own",
        f"medians of {c['rounds']} rounds in turn, each of {c['burst_passes']} passes or more in "
        f"{c['burst_s']} s; error: the largest difference from float64, over the largest "
        "probability",
    ]
    for weights, layers in comparison.densities.items():
        shares = ", ".join(
            f"{layer['layer']} {layer['first_image']:.0%} (2 images together "
            f"{layer['union_of_2']:.0%}, 4 {layer['union_of_4']:.0%})"
            for layer in layers
        )
        lines.append(f"{weights_text(weights)}: of the first image {shares}")
    return lines


def speed_table(comparison: Comparison, weights: str, threads: int) -> Table:
    """Lay out images a second for every contender and batch, and its milliseconds at the first."""
    batches = comparison.batches()
    table = _table([f"ms at {batches[0]}", *map(str, batches), "error"])
    for name, contender in comparison.titles.items():
        speeds = [comparison.speed(weights, threads, batch, name) for batch in batches]
        if not any(speeds):
            continue
        first = speeds[0]
        table.add_row(
            f"{contender} {comparison.versions[name]}",
            GAP if first is None else f"{first.median_ms:.2f}",
            *(GAP if speed is None else f"{speed.images_per_s:.1f}" for speed in speeds),
            f"{max(speed.error for speed in speeds if speed is not None):.0e}",
        )
    return table


def ratio_table(comparison: Comparison, weights: str, threads: int, reference: str) -> Table:
    """Lay out how many times as fast as the reference everybody is."""
    batches = comparison.batches()
    table = _table(list(map(str, batches)))
    for name, contender in comparison.titles.items():
        cells = [_ratio(comparison, weights, threads, batch, name, reference) for batch in batches]
        if any(cell != GAP for cell in cells):
            table.add_row(contender, *cells)
    return table


def _ratio(
    comparison: Comparison, weights: str, threads: int, batch: int, name: str, reference: str
) -> str:
    speed = comparison.speed(weights, threads, batch, name)
    other = comparison.speed(weights, threads, batch, reference)
    return GAP if speed is None or other is None else f"{speed.times_as_fast_as(other):.2f}"


def start_table(comparison: Comparison) -> Table:
    """Lay out the time from the start of a process to its first result, and its memory."""
    threads = list(dict.fromkeys(start.threads for start in comparison.starts))
    figures = ("s to result", "peak MB then", "and later")
    columns = [f"{what}, {threads_text(n)}" for n in threads for what in figures]
    table = _table(columns)
    for name, contender in comparison.titles.items():
        starts = [comparison.start(n, name) for n in threads]
        if any(starts):
            table.add_row(contender, *(cell for start in starts for cell in _start_cells(start)))
    return table


def _start_cells(start: Start | None) -> tuple[str, str, str]:
    if start is None:
        return GAP, GAP, GAP
    return f"{start.median_s:.2f}", f"{start.first_peak_mb:.0f}", f"{start.peak_mb:.0f}"


def _table(columns: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
