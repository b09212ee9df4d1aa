"""Prints a report for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alexnet_cy.bench.results import LayerResult, Report, RunResult

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["describe", "print_report", "run_table"]

# Processors that others may take before a reader should know.
QUIET = 0.05

LIMIT_NOTE = (
    "of limit: the least time that the limits allow, over the median; arithmetic is counted as "
    "direct convolution has it. Above 100 % the data came from a cache, or the algorithm does "
    "with less."
)
LOOPS_NOTE = (
    "loops: plain Python loops over lists, one thread; ~ is scaled up from the part of the "
    "layer that was computed."
)


def print_report(report: Report, console: Console) -> None:
    """Print the conditions, then a table for each run."""
    for line in describe(report):
        console.print(line)
    console.print()
    for run in report.runs:
        console.print(run_table(run))
        console.print()
    console.print(LIMIT_NOTE, style="dim")
    if report.runs[0].total.loops_ms is not None:
        console.print(LOOPS_NOTE, style="dim")
    if (taken := report.other_load) and taken.processes + taken.host > QUIET:
        console.print(
            f"The machine was not quiet: other processes took {taken.processes:.2f} processors and "
            f"the host {taken.host:.2f}; these figures are too low.",
            style="bold red",
        )


def describe(report: Report) -> Iterator[str]:
    """Say in a few lines what was measured, and on what."""
    c = report.conditions
    yield (
        f"alexnet_cy {c['alexnet_cy']}: {c['variant']}, {c['classes']} classes, "
        f"{c['input_size']}x{c['input_size']}; weights {c['weights']}; input {c['input']}"
    )
    yield (
        f"on {c['processor']}, {c['processors_available']} processors; instruction set {c['isa']}, "
        f"register tile {c['register_tile']}; {c['compiler']}; huge pages: {c['huge_pages']}"
    )
    for threads in dict.fromkeys(run.threads for run in report.runs):
        of_threads = [run.limits for run in report.runs if run.threads == threads]
        yield (
            f"limits of {_threads(threads)}: "
            f"{max(limits.fma_gflops for limits in of_threads):.0f} GFLOP/s of multiply-adds, "
            f"{max(limits.read_gbytes_per_s for limits in of_threads):.1f} GB/s from memory"
        )
    if c["training"] is not None:
        yield f"training step: {c['training']}"
    what = "passes" if c["training"] is None else "steps"
    timing = f"medians of {c['repeats']} {what}, milliseconds for the whole batch"
    if report.runs[0].total.numpy is None:
        yield timing
        return
    yield f"{timing}, ours and NumPy's in turn"
    yield (
        f"NumPy {c['numpy']} (Python {c['python']}): im2col and {c['blas']}; its threads set by "
        f"{c['blas_threads_by']}"
    )
    worst = max(run.difference for run in report.runs if run.difference is not None)
    compared = "probabilities" if c["training"] is None else "changes of the weights"
    yield f"our {compared} are within {worst:.0e} of NumPy's largest"


def run_table(run: RunResult) -> Table:
    """Lay out one run: a row per layer, then the total."""
    from rich import box
    from rich.table import Table

    with_numpy, with_loops = run.total.numpy is not None, run.total.loops_ms is not None
    table = Table(
        title=f"batch {run.batch}, {_threads(run.threads)}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("layer", no_wrap=True)
    with_algorithms = any(layer.algorithm for layer in run.layers)
    if with_algorithms:
        table.add_column("algorithm", no_wrap=True)
    for name in ("median ms", "min ms", "speed", "of limit"):
        table.add_column(name, justify="right", no_wrap=True)
    if with_numpy:
        table.add_column("NumPy ms", justify="right", no_wrap=True)
        table.add_column("faster", justify="right", no_wrap=True, style="green")
    if with_loops:
        table.add_column("loops ms", justify="right", no_wrap=True)
        table.add_column("faster", justify="right", no_wrap=True, style="green")
    for layer in run.layers:
        table.add_row(*_layer_cells(layer, with_numpy, with_loops, with_algorithms))
    table.add_section()
    table.add_row(*_total_cells(run, with_algorithms), style="bold")
    return table


def _layer_cells(
    layer: LayerResult, with_numpy: bool, with_loops: bool, with_algorithms: bool
) -> Iterator[str]:
    yield layer.name
    if with_algorithms:
        yield layer.algorithm
    yield _ms(layer.ours.median_ms)
    yield _ms(layer.ours.min_ms)
    yield f"{layer.rate:.1f} {layer.rate_unit:<7}"
    yield _percent(layer.limit_share)
    if with_numpy:
        assert layer.numpy is not None
        yield _ms(layer.numpy.median_ms)
        yield _times(layer.speedup)
    if with_loops:
        assert layer.loops_ms is not None
        assert layer.loops_computed is not None
        yield ("~" if layer.loops_computed < 1 else "") + _ms(layer.loops_ms)
        yield _times(layer.loops_speedup)


def _total_cells(run: RunResult, with_algorithms: bool) -> Iterator[str]:
    total = run.total
    yield "total"
    if with_algorithms:
        yield ""
    yield _ms(total.ours.median_ms)
    yield _ms(total.ours.min_ms)
    yield f"{run.images_per_s:.1f} img/s  "
    yield _percent(total.limit_share)
    if total.numpy is not None:
        yield _ms(total.numpy.median_ms)
        yield _times(total.speedup)
    if total.loops_ms is not None:
        yield "~" + _ms(total.loops_ms)
        yield _times(total.loops_speedup)


def _threads(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _ms(milliseconds: float) -> str:
    """Write milliseconds with three digits after the point, none from 1000 on."""
    return f"{milliseconds:.3f}" if milliseconds < 1000 else f"{milliseconds:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def _times(speedup: float | None) -> str:
    """Write a speed-up with two or three digits that mean something."""
    assert speedup is not None
    return f"{speedup:.2f}x" if speedup < 10 else f"{speedup:,.0f}x"
