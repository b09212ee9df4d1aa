"""Planning of a pass: from the layers requested to steps, algorithms and places in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from alexnet_cy.engine.choice.conv_algorithms import ConvProblem, choose_algorithm, takes_blocks
from alexnet_cy.engine.plan.arena import Activation, place
from alexnet_cy.engine.plan.plan import Plan, Step
from alexnet_cy.engine.winograd import block_taps
from alexnet_cy.machine.levels import active_level
from alexnet_cy.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Layer,
    LayerShapes,
    Linear,
    MaxPool,
    Shape,
    Softmax,
    Variant,
    layer_of_feature,
    resolve_layer,
)
from alexnet_cy.network.names import PRE_SUFFIX
from alexnet_cy.network.windows import NO_PADDING

__all__ = ["make_plan"]

# What a plan says of the layers that are computed in one way only.
_ALGORITHMS: Mapping[type[Layer], str] = {
    LRN: "in place",
    MaxPool: "max",
    AdaptiveAvgPool: "average",
    Linear: "product",
    Softmax: "softmax",
}

NOTHING_TUNED: Mapping[str, str] = MappingProxyType({})


def make_plan(
    variant: Variant,
    height: int,
    width: int,
    layers: Sequence[str],
    *,
    algorithm: str = "auto",
    exact: bool = False,
    tuned: Mapping[str, str] = NOTHING_TUNED,
    level: str | None = None,
    batch: int = 1,
    threads: int = 1,
) -> Plan:
    """Plan a pass over images of one size that hands out the values named by `layers`.

    Parameters
    ----------
    variant : Variant
    height, width : int
        Of the images, in pixels.
    layers : sequence of str
        Names of values inside the network, torchvision's included; not empty. The pass ends with
        the last of them.
    algorithm : str
        What `conv_algorithms.choose_algorithm` takes.
    exact : bool
        Leave out Winograd.
    tuned : mapping of str to str
        The measured choice by the names of convolutions, for those that are not forced.
    level : str, optional
        The instruction-set level whose costs count; the one in force if left out.
    batch, threads : int
        The number of images and of threads that the printed table is for.

    Raises
    ------
    TypeError, ValueError
        No such layer or algorithm, or the images are too small for a layer that is needed.
    """
    features = tuple(dict.fromkeys(resolve_layer(variant, name) for name in layers))
    if not features:
        raise ValueError("layers: need at least one name, got none")
    order = [layer.name for layer in variant.layers]
    last = max((layer_of_feature(feature) for feature in features), key=order.index)
    shapes = variant.shapes(height, width, last=last)
    n_trunk = sum(len(shape.output_shape) == 3 for shape in shapes)

    level = active_level() if level is None else level

    def steps(i: int, source: Activation | None, target: Activation | None) -> list[Step]:
        chosen = _algorithm_of(
            shapes[i], algorithm, exact=exact, reads_images=i == 0, tuned=tuned, level=level
        )
        return _steps(shapes[i], features, chosen, source, target)

    input_activation = activation = _input_activation(shapes[0], steps(0, None, None)[0].algorithm)
    activations = [activation]
    trunk: list[Step] = []
    for i, shape in enumerate(shapes[:n_trunk]):
        source = activation
        if not _is_in_place(shape.layer):
            reader = next((s.layer for s in shapes[i + 1 :] if not _is_in_place(s.layer)), None)
            activation = Activation(
                shape.layer.name,
                _hwc(shape.output_shape),
                _padding_for(reader),
                len(trunk),
                len(trunk),
            )
            activations.append(activation)
        for step in steps(i, source, activation):
            norm = _norm_to_join(step, trunk)
            if norm is not None:
                del trunk[-1]
                step = replace(step, algorithm="in one pass", norm=norm)
                activation.first_step = len(trunk)
            source.last_step = activation.last_step = len(trunk)
            trunk.append(step)
    head = [step for i in range(n_trunk, len(shapes)) for step in steps(i, None, None)]
    if head:
        activation.last_step = len(trunk)  # the head reads it after the trunk's last step
    return Plan(
        variant,
        shapes[0].input_shape,
        features,
        tuple(trunk),
        tuple(head),
        input_activation,
        place(activations),
        level,
        batch,
        threads,
    )


def _input_activation(first: LayerShapes, algorithm: str) -> Activation:
    """Return the images as the first convolution wants them: padded, or padded and in blocks."""
    layer = first.layer
    assert isinstance(layer, Conv)
    if not takes_blocks(_problem(first, layer, reads_images=True), algorithm):
        return Activation("input", _hwc(first.input_shape), layer.padding, 0, 0)
    taps = block_taps(layer.kernel_size, layer.stride)
    rows, columns = (n + r - 1 for n, r in zip(first.output_shape[1:], taps, strict=True))
    channels = first.input_shape[0] * layer.stride[0] * layer.stride[1]
    return Activation("input", (rows, columns, channels), NO_PADDING, 0, 0)


def _steps(
    shape: LayerShapes,
    features: tuple[str, ...],
    chosen: str,
    source: Activation | None,
    target: Activation | None,
) -> list[Step]:
    """Return the step of a layer, or two where the value before its ReLU is requested."""
    layer = shape.layer
    whole = Step(
        layer,
        chosen,
        shape.input_shape,
        shape.output_shape,
        relu=isinstance(layer, Conv | Linear) and layer.relu,
        features=tuple(name for name in (layer.name,) if name in features),
        source=source,
        target=target,
    )
    before_relu = layer.name + PRE_SUFFIX
    if before_relu not in features:
        return [whole]
    return [
        replace(whole, relu=False, features=(before_relu,)),
        replace(
            whole,
            algorithm="in place",
            input_shape=shape.output_shape,
            relu_only=True,
            source=target,
        ),
    ]


def _norm_to_join(step: Step, before: Sequence[Step]) -> LRN | None:
    """Return the normalisation before a max pooling if it is not requested: both are one step."""
    if not (isinstance(step.layer, MaxPool) and before):
        return None
    layer = before[-1].layer
    if not isinstance(layer, LRN) or layer.within_channel or before[-1].features:
        return None
    return layer


def _algorithm_of(
    shape: LayerShapes,
    requested: str,
    *,
    exact: bool,
    reads_images: bool,
    tuned: Mapping[str, str],
    level: str,
) -> str:
    layer = shape.layer
    if isinstance(layer, Conv):
        problem = _problem(shape, layer, reads_images=reads_images)
        measured = tuned.get(layer.name)
        return choose_algorithm(problem, requested, exact=exact, level=level, tuned=measured)
    if isinstance(layer, LRN) and layer.within_channel:
        return "within channel"
    return _ALGORITHMS[type(layer)]


def _problem(shape: LayerShapes, layer: Conv, *, reads_images: bool) -> ConvProblem:
    return ConvProblem.of(layer, shape.input_shape, shape.output_shape, reads_images=reads_images)


def _is_in_place(layer: Layer) -> bool:
    """Tell whether a layer writes over what it reads: a norm whose window is one pixel's."""
    return isinstance(layer, LRN) and not layer.within_channel


def _padding_for(reader: Layer | None) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zeros that the next layer wants about its input; pooling clips its windows."""
    return reader.padding if isinstance(reader, Conv) else NO_PADDING


def _hwc(shape: Shape) -> tuple[int, int, int]:
    channels, height, width = shape
    return height, width, channels
