"""The distance of the results from float64: in whole networks, and of every layer alone.

    python benchmarks/accuracy.py photo.jpg another.jpg              ten seeds of every variant
    python benchmarks/accuracy.py --variants caffe --seeds 0 --json  quick, without photographs

The networks have He-normal weights; their inputs are the photographs, preprocessed by the variant's
preset, and an image of normal noise of about the same size. Two figures an image, and of all images
and seeds the worst:

largest    the largest error, over the largest value of the layer
rms        the root of the mean squared error, over the standard deviation of the layer's values

"in the network": what `forward` gives against a pass in float64, with the default plan and with
`exact=True`, so all errors of the layers before are in it. "alone": one layer, with the input that
the float64 pass gives it, rounded to float32. prob is the largest error of any probability.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from alexnet_cy import AlexNet, ops
from alexnet_cy.configuration import config
from alexnet_cy.network import LRN, VARIANTS, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Variant
from alexnet_cy.network.random_weights import random_tensors
from alexnet_cy.oracle import network as reference
from alexnet_cy.oracle.definitions import Array

Float32Array = NDArray[np.float32]
Errors = tuple[float, float]  # largest, rms
Worst = dict[tuple[str, str, str, str], Errors]  # by variant, input, layer, how it is computed

# The rows of the tables; no variant has them all.
LAYERS = (
    *("conv1", "norm1", "pool1", "conv2", "norm2", "pool2", "conv3", "conv4", "conv5"),
    *("pool5", "avgpool", "fc6", "fc7", "fc8", "prob"),
)


def main(argv: list[str] | None = None) -> int:
    """Measure, print; return the exit code."""
    args = parse(argv)
    in_network: Worst = defaultdict(lambda: (0.0, 0.0))
    alone: Worst = defaultdict(lambda: (0.0, 0.0))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        passes = [(VARIANTS[name], seed) for name in args.variants for seed in args.seeds]
        for variant, seed in progress.track(passes, description="networks"):
            for kind, x in inputs(variant, args.photographs, seed):
                measure(variant, seed, kind, x, in_network, alone)
    machine = config()
    conditions = {
        name: machine[name]
        for name in ("alexnet_cy", "python", "numpy", "processor", "compiler", "isa_active")
    } | {"seeds": args.seeds, "photographs": len(args.photographs)}
    if args.json:
        report = {"conditions": conditions, "in_network": rows(in_network), "alone": rows(alone)}
        json.dump(report, sys.stdout, indent=2)
        print()
    else:
        show(conditions, in_network, alone)
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", nargs="*", help="image files")
    parser.add_argument("--variants", type=names, default=list(VARIANTS), metavar="A,B,...")
    parser.add_argument("--seeds", type=numbers, default=list(range(10)), metavar="0,1,...")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser.parse_args(argv)


def names(text: str) -> list[str]:
    """Split a list of variants."""
    variants = text.split(",")
    if unknown := [name for name in variants if name not in VARIANTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(VARIANTS)}")
    return variants


def numbers(text: str) -> list[int]:
    """Split a list of numbers."""
    return [int(number) for number in text.split(",")]


def inputs(
    variant: Variant, photographs: list[str], seed: int
) -> Iterator[tuple[str, Float32Array]]:
    """Yield what the network is given: photographs, if there are any, and noise."""
    if photographs:
        from alexnet_cy.images import preprocess

        yield (
            "photographs",
            preprocess(photographs, variant.preset, input_size=variant.input_size),
        )
    deviation = np.float32(50 if variant.preset == "caffe" else 1)
    shape = (1, 3, variant.input_size, variant.input_size)
    yield "noise", np.random.default_rng(seed).standard_normal(shape, np.float32) * deviation


def measure(
    variant: Variant, seed: int, kind: str, x: Float32Array, in_network: Worst, alone: Worst
) -> None:
    """Compare one network, and each of its layers, with float64; keep the worst."""
    layers = [layer.name for layer in variant.layers]
    weights = {name: tensor.read() for name, tensor in random_tensors(variant, seed).items()}
    expected = reference.forward(variant, weights, x, layers)
    for how in ("default", "exact"):
        net = AlexNet(variant, weights, exact=how == "exact")
        for name, computed in net.forward(x, layers).items():
            keep(in_network, (variant.name, kind, name, how), computed, expected[name])
    value = x
    for layer in variant.layers:
        keys = (f"{layer.name}.weight", f"{layer.name}.bias")
        parameters = [weights[key] for key in keys if key in weights]
        exact = reference.reference_layer(layer, value, *parameters)
        for how, computed in compute(layer, value, parameters):
            keep(alone, (variant.name, kind, layer.name, how), computed, exact)
        value = expected[layer.name].astype(np.float32)


def compute(
    layer: Layer, x: Float32Array, parameters: list[Float32Array]
) -> Iterator[tuple[str, Float32Array]]:
    """Compute one layer with our kernels, in every way that there is."""
    settings: dict[str, Any]
    if isinstance(layer, Conv):
        settings = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}
        for algorithm in ("winograd", "direct"):
            y = ops.conv2d(x, *parameters, **settings, relu=layer.relu, algorithm=algorithm)
            yield algorithm, y
    elif isinstance(layer, LRN):
        settings = {"alpha": layer.ops_alpha, "beta": layer.beta, "k": layer.k}
        settings["region"] = layer.region
        yield "square roots", ops.local_response_norm(x, layer.size, **settings)
    elif isinstance(layer, MaxPool):
        settings = {"padding": layer.padding, "ceil_mode": layer.ceil_mode}
        yield "maximum", ops.max_pool2d(x, layer.kernel_size, stride=layer.stride, **settings)
    elif isinstance(layer, AdaptiveAvgPool):
        yield "average", ops.adaptive_avg_pool2d(x, layer.output_size)
    elif isinstance(layer, Linear):
        yield "product", ops.linear(x.reshape(len(x), -1), *parameters, relu=layer.relu)
    else:
        yield "softmax", ops.softmax(x)


def keep(
    worst: Worst,
    key: tuple[str, str, str, str],
    computed: Float32Array,
    exact: Array,
) -> None:
    """Note the errors of every image where they are larger than those noted before."""
    for image, expected in zip(computed, exact, strict=True):
        errors = image - expected
        scale = (1.0, 1.0) if key[2] == "prob" else (np.abs(expected).max(), expected.std())
        largest = float(np.abs(errors).max() / scale[0])
        rms = float(np.sqrt(np.mean(errors**2)) / scale[1])
        worst[key] = max(worst[key][0], largest), max(worst[key][1], rms)


def rows(worst: Worst) -> list[dict[str, object]]:
    """Flatten for JSON."""
    columns = ("variant", "input", "layer", "computed_by")
    return [
        dict(zip(columns, key, strict=True)) | {"largest": errors[0], "rms": errors[1]}
        for key, errors in worst.items()
    ]


def show(conditions: Mapping[str, object], in_network: Worst, alone: Worst) -> None:
    """Print the tables."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for name, value in conditions.items():
        console.print(f"{name}: {value}")
    for title, worst in (("in the network", in_network), ("alone", alone)):
        for kind in dict.fromkeys(key[1] for key in worst):
            console.print()
            console.print(table(f"{title}, {kind}: largest, rms", worst, kind))


def table(title: str, worst: Worst, kind: str) -> Table:
    """Lay out a row per layer and way to compute it, a column per variant."""
    variants = list(dict.fromkeys(key[0] for key in worst))
    grid = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("layer", "by", *variants):
        grid.add_column(name, no_wrap=True)
    found = dict.fromkeys(key[2:] for key in worst if key[1] == kind)
    for layer, how in sorted(found, key=lambda row: LAYERS.index(row[0])):
        cells = []
        for variant in variants:
            errors = worst.get((variant, kind, layer, how))
            cells.append("" if errors is None else " ".join(f"{error:.1e}" for error in errors))
        grid.add_row(layer, how, *cells)
    return grid


if __name__ == "__main__":
    sys.exit(main())
