"""`alexnet-cy summary`: the layers of a variant, their shapes, parameters and work."""

from __future__ import annotations

import argparse

from alexnet_cy.cli.network import described_network
from alexnet_cy.cli.options import (
    Subparsers,
    add_described_options,
    add_json_option,
    add_names_option,
    argument,
    image_size,
    whole_number,
)
from alexnet_cy.cli.output import make_table, print_json, stdout_console
from alexnet_cy.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Layer,
    LayerShapes,
    Linear,
    MaxPool,
    Variant,
    layer_of_feature,
    resolve_layer,
    shape_text,
)

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Print the layers of a variant, or of the network of a weight file: what they are, the shape of what
they give, parameters, and multiply-accumulates (MACs) for one image.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "summary", help="layers, shapes, parameters, work", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    add_described_options(parser)
    parser.add_argument(
        "--size",
        type=argument(image_size),
        metavar="N|HxW",
        help="of the image, in pixels (default: the variant's own)",
    )
    parser.add_argument(
        "--classes",
        type=whole_number(1),
        metavar="N",
        help="of the last layer (default: the network's own)",
    )
    parser.add_argument("--layer", metavar="NAME", help="stop after this layer")
    add_names_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    variant = described_network(args)
    if args.classes is not None:
        variant = variant.with_num_classes(args.classes)
    height, width = args.size or (variant.input_size, variant.input_size)
    last = _last_layer(variant, args)
    shapes = variant.shapes(height, width, last=last)
    if args.json:
        print_json(_document(variant, shapes))
    else:
        _print_table(variant, shapes)
    return 0


def _document(variant: Variant, shapes: tuple[LayerShapes, ...]) -> dict[str, object]:
    return {
        "variant": variant.name,
        "title": variant.title,
        "source": variant.source,
        "preset": variant.preset,
        "channel_order": variant.channel_order,
        "input": list(shapes[0].input_shape),
        "layers": [
            {
                "name": step.layer.name,
                "kind": type(step.layer).__name__,
                "settings": _settings(step.layer),
                "output": list(step.output_shape),
                "parameters": step.parameter_count,
                "macs": step.macs,
            }
            for step in shapes
        ],
        "parameters": sum(step.parameter_count for step in shapes),
        "macs": sum(step.macs for step in shapes),
    }


def _print_table(variant: Variant, shapes: tuple[LayerShapes, ...]) -> None:
    console = stdout_console()
    console.print(f"{variant.name}: {variant.title}", style="bold")
    console.print(
        f"from {variant.source}; preset {variant.preset}, {variant.channel_order}", style="dim"
    )
    table = make_table("layer", "settings", ">output", ">parameters", ">MACs")
    table.add_row("input", "", shape_text(shapes[0].input_shape), "", "")
    for step in shapes:
        table.add_row(
            step.layer.name,
            _settings(step.layer),
            shape_text(step.output_shape),
            f"{step.parameter_count:,}" if step.parameter_count else "",
            f"{step.macs:,}" if step.macs else "",
        )
    parameters = sum(step.parameter_count for step in shapes)
    macs = sum(step.macs for step in shapes)
    table.add_section()
    table.add_row(
        "total", f"{4e-6 * parameters:.1f} MB of float32", "", f"{parameters:,}", f"{macs:,}"
    )
    console.print(table)


def _settings(layer: Layer) -> str:
    """Say in a few words what sets a layer apart from others of its kind."""
    match layer:
        case Conv():
            relu = ["ReLU"] if layer.relu else []
            groups = [f"{layer.groups} groups"] if layer.groups > 1 else []
            return ", ".join([f"conv {_window(layer)}", *groups, *relu])
        case MaxPool():
            return f"max pool {_window(layer)}{', ceil' if layer.ceil_mode else ''}"
        case LRN():
            alpha = _power_of_ten(layer.alpha)
            if layer.divide_alpha_by_size:
                alpha += f"/{layer.window_values}"
            size = f"{layer.size}"
            if layer.within_channel:
                size = f"{layer.size}x{layer.size} within channels"
            return f"LRN {size}, alpha {alpha}, beta {layer.beta:g}, k {layer.k:g}"
        case AdaptiveAvgPool():
            return f"average pool to {shape_text(layer.output_size)}"
        case Linear():
            return f"fully connected{', ReLU' if layer.relu else ''}"
    return "softmax"


def _window(layer: Conv | MaxPool) -> str:
    """Write kernel, stride and padding: 11x11 / 4, pad 2; pad 0+3 is none before, 3 after."""
    text = shape_text(layer.kernel_size)
    if layer.stride != (1, 1):
        down, across = layer.stride
        text += f" / {down if down == across else shape_text(layer.stride)}"
    vertical, horizontal = (f"{a}+{b}" if a != b else str(a) for a, b in layer.padding)
    padding = vertical if vertical == horizontal else f"{vertical} by {horizontal}"
    return text if padding == "0" else f"{text}, pad {padding}"


def _power_of_ten(number: float) -> str:
    """Write 0.0001 as 1e-4."""
    mantissa, exponent = f"{number:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _last_layer(variant: Variant, args: argparse.Namespace) -> str | None:
    if args.layer is None:
        return None
    return layer_of_feature(resolve_layer(variant, args.layer, args.names))
