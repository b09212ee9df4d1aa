"""A network from the shapes of its tensors and a named network's settings.

A file without a graph shows how many layers there are, their widths, groups and kernels, and how
many channels an image has. Strides, padding, pooling and normalisation it does not show: these are
a template's, one of the named networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import TypeAlias

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.specs import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Layer,
    Linear,
    Shape,
    Softmax,
    shape_text,
)
from alexnet_cy.network.variants import VARIANTS

__all__ = ["LIKE", "fit_template", "fitting_templates"]

LIKE = "-like"
"""The end of the name of a network that has the settings of a named one, and other layers."""

# Of images that AlexNets are trained on, where the template's own gives other numbers to fc6.
_INPUT_SIZES = (224, 227)

Shapes: TypeAlias = Mapping[str, Shape]


def fit_template(template: Variant, shapes: Shapes) -> Variant:
    """Return the network that the tensors make, with the settings of a template.

    Parameters
    ----------
    template : Variant
        Gives strides, padding, pooling, normalisation, the input size and the preset.
    shapes : mapping of str to tuple of int
        "conv1.weight" (O, I / groups, kernel height, kernel width), ...; then "fc6.weight"
        (out, in), or of four axes if it is a convolution, "fc7.weight", ..., any number of them.
        The first layer that is missing ends the network. Biases may be there or not.

    Returns
    -------
    Variant
        The template itself, with the number of classes of the tensors, if nothing else differs;
        otherwise its name ends in `LIKE`. A first fully connected layer that takes a number for
        each channel has an average over the whole image before it. The last fully connected layer
        is the classifier, unless the template has another one behind it and it is as wide as the
        template's, in which case the network has been cut there.

    Raises
    ------
    ValueError
        The tensors make no such network; the message names the first layer that does not fit.
    """
    trunk, head = _trunk(template, shapes), [*_head(template, shapes)]
    in_channels = _weight(shapes, "conv1")[1]  # conv1 has no groups
    if head:
        trunk = _joined(template, trunk, in_channels, shapes[f"{head[0].name}.weight"])
        is_cut = len(head) < len(_linears(template)) and _is_as_wide(template, head[-1])
        if not is_cut:
            head[-1] = replace(head[-1], relu=False)
    else:
        is_cut = True
        if isinstance(trunk[-1], AdaptiveAvgPool):
            del trunk[-1]
    softmax = [] if is_cut else [layer for layer in template.layers if isinstance(layer, Softmax)]
    layers = (*trunk, *head, *softmax)
    _check_nothing_is_left(layers, shapes)
    fitted = replace(template, layers=layers, in_channels=in_channels, parameters=None)
    _check_shapes(fitted, shapes)
    if template.classifier is not None and fitted.classifier is not None:
        same = template.with_num_classes(fitted.num_classes)
        if same.layers == layers and same.in_channels == in_channels:
            return same
    return replace(fitted, name=template.name + LIKE, title=f"like {template.name}")


def fitting_templates(shapes: Shapes, *, with_lrn: bool = True) -> tuple[Variant, ...]:
    """Return the networks that the tensors may be, by the templates that are nearest to them.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        As of `fit_template`.
    with_lrn : bool
        Whether a template may have LRN, which no network has beside batch normalisation. Without,
        all that fit are returned: widths say nothing, as no named network is batch-normalised.

    Returns
    -------
    tuple of Variant
        In the order of `VARIANTS`; none if no template fits. Nearest are those with the fewest
        layers of other widths or groups.
    """
    fitted: list[tuple[int, Variant]] = []
    for template in VARIANTS.values():
        if not with_lrn and any(isinstance(layer, LRN) for layer in template.layers):
            continue
        for size in dict.fromkeys((template.input_size, *_INPUT_SIZES)):
            try:
                network = fit_template(replace(template, input_size=size), shapes)
            except ValueError:
                continue
            if size != template.input_size and network.name == template.name:
                network = replace(network, name=template.name + LIKE)
            fitted.append((_distance(template, network), network))
            break
    nearest = min((distance for distance, _ in fitted), default=0)
    return tuple(network for distance, network in fitted if distance == nearest or not with_lrn)


def _trunk(template: Variant, shapes: Shapes) -> list[Layer]:
    """Return the layers up to the first that is missing or fully connected."""
    layers: list[Layer] = []
    channels = 0
    for layer in template.layers:
        if isinstance(layer, Linear | Softmax):
            break
        if isinstance(layer, Conv):
            if f"{layer.name}.weight" not in shapes and layers:
                break
            out_channels, depth, *kernel = _weight(shapes, layer.name)
            if tuple(kernel) != layer.kernel_size:
                raise ValueError(
                    f"{layer.name}: its kernel is {shape_text(tuple(kernel))}, that of "
                    f"{template.name!r} {shape_text(layer.kernel_size)}"
                )
            if channels % depth:
                raise ValueError(
                    f"{layer.name}: a filter has {depth} channels, of the {channels} of the layer "
                    "before"
                )
            groups = channels // depth if channels else 1
            layer = replace(layer, out_channels=out_channels, groups=groups)
            channels = out_channels
        layers.append(layer)
    return layers


def _head(template: Variant, shapes: Shapes) -> Iterator[Linear | Conv]:
    """Yield the layers called fc..., one after the other, each with a ReLU."""
    number = 1 + sum(isinstance(layer, Conv) for layer in template.layers)
    while f"fc{number}.weight" in shapes:
        match shapes[f"fc{number}.weight"]:
            case (out_features, _):
                yield Linear(f"fc{number}", out_features)
            case (out_channels, _, height, width):
                yield Conv(f"fc{number}", out_channels, (height, width))
            case shape:
                raise ValueError(f"fc{number}: its weight has the shape {shape}")
        number += 1


def _joined(template: Variant, trunk: list[Layer], in_channels: int, weight: Shape) -> list[Layer]:
    """Return the trunk with the pooling at its end that the first layer of the head needs."""
    whole = replace(template, layers=tuple(trunk), in_channels=in_channels, name="trunk")
    channels, *size = whole.shapes()[-1].output_shape
    if len(weight) == 4 and [*weight[2:]] in (size, [1, 1]):
        return trunk
    if weight[1] == channels * prod(size):
        return trunk
    if weight[1] == channels:
        without = [layer for layer in trunk if not isinstance(layer, AdaptiveAvgPool)]
        return [*without, AdaptiveAvgPool("avgpool", (1, 1))]
    taken = f"{weight[1]} numbers" if len(weight) == 2 else f"a map of {shape_text(weight[2:])}"
    raise ValueError(
        f"the first fully connected layer takes {taken}; an image of "
        f"{template.input_size}x{template.input_size} gives {shape_text((channels, *size))}"
    )


def _linears(template: Variant) -> list[Linear]:
    return [layer for layer in template.layers if isinstance(layer, Linear)]


def _is_as_wide(template: Variant, layer: Linear | Conv) -> bool:
    width = layer.out_features if isinstance(layer, Linear) else layer.out_channels
    return any(layer.name == of.name and width == of.out_features for of in _linears(template))


def _weight(shapes: Shapes, name: str) -> Shape:
    shape = shapes.get(f"{name}.weight")
    if shape is None:
        raise ValueError(f"{name}: its weight is missing")
    if len(shape) != 4 or min(shape) < 1:
        raise ValueError(f"{name}: its weight has the shape {shape}; need four axes")
    return shape


def _check_nothing_is_left(layers: tuple[Layer, ...], shapes: Shapes) -> None:
    names = {f"{layer.name}.{kind}" for layer in layers for kind in ("weight", "bias")}
    left = [name for name in shapes if name not in names]
    if left:
        raise ValueError(f"{left[0][:80]!r} is no tensor of a network that ends there")


def _check_shapes(network: Variant, shapes: Shapes) -> None:
    """Compare what the layers before do not tell: inputs of layers, and biases."""
    for name, shape in network.parameter_shapes().items():
        if name in shapes and shapes[name] != shape:
            raise ValueError(f"{name}: need shape {shape}, got {shapes[name]}")


def _distance(template: Variant, network: Variant) -> int:
    """Count the layers that differ in width or groups, and those that are not in the template."""
    originals = {layer.name: layer for layer in template.layers}
    head = network.classifier
    layers = sum(
        layer != originals.get(layer.name)
        for layer in network.layers
        if isinstance(layer, Conv | Linear) and layer is not head
    )
    images = (network.in_channels, network.input_size)
    return layers + (images != (template.in_channels, template.input_size))
