"""Which of the named networks a network is: the comparison of layers with layers.

A file that describes its network gives the layers as they are. What is compared here is what they
compute; names of layers, and how a pooling says where its last window is, do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from difflib import SequenceMatcher
from math import isclose

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Layer, Linear, MaxPool, Shape, Softmax
from alexnet_cy.network.templates import LIKE
from alexnet_cy.network.variants import VARIANTS
from alexnet_cy.network.windows import window_count

__all__ = ["differing_settings", "recognise"]

# Files keep alpha, beta and k as float32: 1e-4 is 9.9999997e-05 there.
_RELATIVE_TOLERANCE = 1e-6

_WIDTHS = ("out_channels", "out_features")


def recognise(network: Variant, *, any_size: bool = True) -> Variant:
    """Return the named network that a network is, or the network named after the nearest.

    Parameters
    ----------
    network : Variant
        As a file describes it; name, title, preset and source do not matter.
    any_size : bool
        Whether it must be the same for images of all sizes, or of `network.input_size` only.

    Returns
    -------
    Variant
        The named one, with the number of classes of this one; or this one, called after the
        nearest, such as "caffe-like", with its preset and a title that says what is different.
    """
    compared = [
        (differing_settings(network, named, any_size=any_size), named)
        for named in VARIANTS.values()
    ]
    differences, nearest = min(compared, key=lambda pair: len(pair[0]))
    if not differences:
        return nearest.with_num_classes(network.num_classes)
    listed = "; ".join(differences[:3]) + ("; ..." if len(differences) > 3 else "")
    return replace(
        network,
        name=nearest.name + LIKE,
        title=f"like {nearest.name}, but {listed}",
        preset=nearest.preset,
        channel_order=nearest.channel_order,
        source="the file",
        parameters=None,
    )


def differing_settings(found: Variant, named: Variant, *, any_size: bool = True) -> list[str]:
    """List what a network computes otherwise than another.

    Parameters
    ----------
    found, named : Variant
        The number of classes does not count, nor does an average over pixels that are one each.
    any_size : bool
        As of `recognise`.

    Returns
    -------
    list of str
        One text for each difference; none if they compute the same.
    """
    layers, others = _computing(found), _computing(named)
    heights = {} if any_size else _input_sizes(found)
    free = None if found.classifier is None else found.classifier.name
    differences = []
    if found.in_channels != named.in_channels:
        differences.append(f"{found.in_channels} input channels, not {named.in_channels}")
    kinds, other_kinds = ([type(layer) for layer in some] for some in (layers, others))
    changes = SequenceMatcher(None, other_kinds, kinds, autojunk=False).get_opcodes()
    for change, other_first, other_last, first, last in changes:
        got, wanted = layers[first:last], others[other_first:other_last]
        if change == "equal":
            for layer, other in zip(got, wanted, strict=True):
                sizes = heights.get(layer.name)
                differences += _differences(layer, other, sizes, is_classifier=layer.name == free)
        else:
            before = layers[first - 1].name if first else "the image"
            differences.append(f"after {before}: {_listed(got)}, not {_listed(wanted)}")
    if not differences:
        differences += _input_differences(layers, found, others, named)
    return differences


def _computing(network: Variant) -> list[Layer]:
    """Return the layers without the softmax, and without averages over one pixel each.

    A softmax changes no order of classes, and many files stop before it.
    """
    return [
        step.layer
        for step in network.shapes()
        if not isinstance(step.layer, Softmax)
        and not (isinstance(step.layer, AdaptiveAvgPool) and step.input_shape == step.output_shape)
    ]


def _input_sizes(network: Variant) -> dict[str, Shape]:
    return {step.layer.name: step.input_shape[1:] for step in network.shapes()}


def _differences(
    layer: Layer, other: Layer, size: Shape | None, *, is_classifier: bool
) -> Iterator[str]:
    """Compare two layers of one kind, the first of which gets images of this size."""
    if isinstance(layer, MaxPool) and isinstance(other, MaxPool):
        yield from _pool_differences(layer, other, size)
        return
    if isinstance(layer, LRN) and isinstance(other, LRN):
        layer, other = (_with_one_alpha(norm) for norm in (layer, other))
    for field in fields(layer):
        if field.name == "name" or (is_classifier and field.name in _WIDTHS):
            continue
        got, wanted = getattr(layer, field.name), getattr(other, field.name)
        if got != wanted and not _is_close(got, wanted):
            yield f"{layer.name}: {field.name} is {got}, not {wanted}"


def _pool_differences(layer: MaxPool, other: MaxPool, size: Shape | None) -> Iterator[str]:
    """Compare where the windows of two poolings begin, and how many there are.

    "Ceil mode" and a padding of 1 behind the last pixel are the same pooling, as padding is never
    the maximum.
    """
    for name in ("kernel_size", "stride"):
        if getattr(layer, name) != getattr(other, name):
            yield f"{layer.name}: {name} is {getattr(layer, name)}, not {getattr(other, name)}"
            return
    for axis in (0, 1):
        kernel, stride = layer.kernel_size[axis], layer.stride[axis]
        # Every `stride` pixels there is one window more, so one period tells of all sizes.
        for pixels in range(kernel, kernel + stride) if size is None else (size[axis],):
            found, wanted = (
                window_count(pixels, kernel, stride, pool.padding[axis], ceil_mode=pool.ceil_mode)
                for pool in (layer, other)
            )
            before, wanted_before = layer.padding[axis][0], other.padding[axis][0]
            if (found, before) != (wanted, wanted_before):
                yield (
                    f"{layer.name}: {found} windows over {pixels} pixels (padding "
                    f"{layer.padding[axis]}, {_rounding(layer)}), not {wanted}"
                )
                return


def _input_differences(
    layers: list[Layer], found: Variant, others: list[Layer], named: Variant
) -> Iterator[str]:
    """Compare what the layers take, which follows from the input size."""
    shapes, other_shapes = found.parameter_shapes(), named.parameter_shapes()
    for layer, other in zip(layers, others, strict=True):
        if isinstance(layer, Linear):
            takes = shapes[f"{layer.name}.weight"][1]
            needs = other_shapes[f"{other.name}.weight"][1]
            if takes != needs:
                yield f"{layer.name}: takes {takes} values, not {needs}"


def _with_one_alpha(norm: LRN) -> LRN:
    return replace(norm, alpha=norm.ops_alpha, divide_alpha_by_size=True)


def _is_close(got: object, wanted: object) -> bool:
    if not (isinstance(got, float) and isinstance(wanted, float)):
        return False
    return isclose(got, wanted, rel_tol=_RELATIVE_TOLERANCE)


def _rounding(pool: MaxPool) -> str:
    return "ceil" if pool.ceil_mode else "floor"


def _listed(layers: list[Layer]) -> str:
    return ", ".join(layer.name for layer in layers) or "nothing"
