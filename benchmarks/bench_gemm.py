"""The register-blocked product beside the processor's peak, on one core.

A convolution of the Caffe network, conv3 unless another is named, is computed by the direct and by
the im2col kernel of every instruction-set level that runs here. Beside each stands the most
multiply-adds that the same level's registers do, measured in turn with it, and NumPy's BLAS on the
same product, with the columns given to it ready-made.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from math import ceil
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from alexnet_cy.bench.blas import blas_name, blas_threads
from alexnet_cy.configuration import config
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.kernels import _limits, _runtime
from alexnet_cy.kernels.convolution import _conv
from alexnet_cy.network import Conv, get_variant

Float32Array = NDArray[np.float32]

# Seconds of one burst of a kernel.
BURST_S = 0.05


def main(argv: list[str] | None = None) -> int:
    """Measure, print; return the exit code."""
    args = parse(argv)
    step = next(s for s in get_variant("caffe").shapes() if s.layer.name == args.layer)
    layer = step.layer
    assert isinstance(layer, Conv)
    random = np.random.default_rng(0)
    shapes = layer.parameter_shapes(step.input_shape)
    weight = random.standard_normal(shapes["weight"], np.float32)
    bias = random.standard_normal(shapes["bias"], np.float32)
    channels, height, width = step.input_shape
    (top, bottom), (left, right) = layer.padding
    padded = (args.batch, height + top + bottom, width + left + right, channels)
    x = random.standard_normal(padded, np.float32)
    out_channels, rows, columns = step.output_shape
    y = np.empty((args.batch, rows, columns, out_channels), np.float32)
    macs = step.macs * args.batch

    found = []
    for level in _runtime.runnable_levels():
        kernels = _runtime.kernels_of(level)
        packed = pack_array(weight, bias, layer.groups, kernels)
        work = {
            name: conv_call(packed, x, y, layer, copy_columns=name == "im2col")
            for name in ("direct", "im2col")
        }
        peaks, rates = alternate(kernels, work, macs, args.rounds)
        found += [row(level, name, peaks, rate) for name, rate in rates.items()]
    with blas_threads(1):
        kernels = _runtime.kernels_of(_runtime.runnable_levels()[0])
        pixels = args.batch * rows * columns
        work = {"BLAS": blas_call(weight, layer.groups, pixels)}
        peaks, rates = alternate(kernels, work, macs, args.rounds)
    found.append(row(f"NumPy's {blas_name()}", "product", peaks, rates["BLAS"]))

    machine = config()
    conditions = {
        "layer": args.layer,
        "batch": args.batch,
        "threads": 1,
        "rounds": args.rounds,
        "product": f"{out_channels} x {macs // out_channels // pixels} x {pixels}",
        **{name: machine[name] for name in ("alexnet_cy", "processor", "compiler", "numpy")},
    }
    if args.json:
        json.dump({"conditions": conditions, "results": found}, sys.stdout, indent=2)
        print()
    else:
        show(conditions, found)
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    convolutions = [s.name for s in get_variant("caffe").layers if isinstance(s, Conv)]
    parser.add_argument("--layer", choices=convolutions, default="conv3")
    parser.add_argument("--batch", type=int, default=1, help="images (default: 1)")
    parser.add_argument("--rounds", type=int, default=10, help="rounds that count (default: 10)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    args = parser.parse_args(argv)
    if args.batch < 1 or args.rounds < 1:
        parser.error("--batch and --rounds must be at least 1")
    return args


def conv_call(
    packed: _conv.PackedConv, x: Float32Array, y: Float32Array, layer: Conv, *, copy_columns: bool
) -> Callable[[], object]:
    """Return a call of the convolution on one thread."""
    bound = _conv.DirectConv2d(packed, x, y, *layer.stride, layer.relu, copy_columns)
    return lambda: bound.run(1)


def blas_call(weight: Float32Array, groups: int, pixels: int) -> Callable[[], object]:
    """Return a call of NumPy's product of the filters with columns, a product for each group."""
    filters = weight.reshape(groups, len(weight) // groups, -1)
    columns = np.ones((groups, filters.shape[2], pixels), np.float32)
    y = np.empty((groups, filters.shape[1], pixels), np.float32)
    return lambda: np.matmul(filters, columns, out=y)


def alternate(
    kernels: object, work: dict[str, Callable[[], object]], macs: int, rounds: int
) -> tuple[list[float], dict[str, list[float]]]:
    """Measure the peak and every kernel in turn; return GFLOP/s of every round."""
    calls = {name: ceil(BURST_S / seconds_of(call, 1)) for name, call in work.items()}
    peaks: list[float] = []
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        peaks.append(_limits.fma_gflops(kernels, 1, repeats=2))
        for name, call in work.items():
            rates[name].append(2e-9 * macs * calls[name] / seconds_of(call, calls[name]))
    return peaks, rates


def seconds_of(call: Callable[[], object], times: int) -> float:
    """Time so many calls, after one that does not count."""
    call()
    started = perf_counter()
    for _ in range(times):
        call()
    return perf_counter() - started


def row(level: str, kernel: str, peaks: list[float], rates: list[float]) -> dict[str, object]:
    """Summarise the rounds of one kernel; shares are of the highest peak of any round."""
    return {
        "level": level,
        "kernel": kernel,
        "peak_gflops": max(peaks),
        "median_gflops": median(rates),
        "best_gflops": max(rates),
        "median_share": median(rates) / max(peaks),
        "best_share": max(rates) / max(peaks),
    }


def show(conditions: dict[str, object], found: list[dict[str, object]]) -> None:
    """Print a table."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    c = conditions
    console.print(
        f"{c['layer']} at batch {c['batch']}, the product {c['product']}, on one core of "
        f"{c['processor']}; {c['rounds']} rounds; GFLOP/s\n"
    )
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("level", "kernel"):
        table.add_column(name)
    for name in ("FMA peak", "median", "best", "median of peak", "best of peak"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            str(one["level"]),
            str(one["kernel"]),
            *(f"{one[key]:.1f}" for key in ("peak_gflops", "median_gflops", "best_gflops")),
            *(f"{one[key]:.0%}" for key in ("median_share", "best_share")),
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
