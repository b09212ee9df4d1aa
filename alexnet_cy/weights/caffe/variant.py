"""Which AlexNet a Caffe file is, and that it is one.

The file is held against every variant: what runs in what order, and with which strides, pads,
groups, pools and normalisations. What nothing contradicts is the variant. The four networks that
go by the name share their weights' shapes in pairs, so this is the only thing that tells CaffeNet
from AlexNet; and a file that contradicts all of them would load and predict wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax
from alexnet_cy.network.variants import VARIANTS
from alexnet_cy.weights.caffe.layers import clip
from alexnet_cy.weights.caffe.settings import file_settings, spec_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alexnet_cy.network.variants import Variant
    from alexnet_cy.weights.caffe.layers import CaffeLayer, LayerGraph
    from alexnet_cy.weights.caffe.roles import Roles

__all__ = ["choose_variant", "expected_path"]

_TYPES: Mapping[type[Layer], str] = {
    Conv: "Convolution",
    LRN: "LRN",
    MaxPool: "Pooling",
    Linear: "InnerProduct",
}


# How far each kind of contradiction takes a file from a variant: what runs in what order says more
# than groups do, and these more than a setting.
_ORDER, _GROUPS, _SETTING = 100, 10, 1
_Problem: TypeAlias = tuple[int, str]


def expected_path(variant: Variant) -> list[tuple[str, Layer | None]]:
    """List what Caffe runs for a variant.

    Parameters
    ----------
    variant : Variant
        The network.

    Returns
    -------
    list of (str, Layer or None)
        Caffe's layer type, and the layer of the variant that it stands for; None for a ReLU, which
        in Caffe is a layer of its own. An adaptive pool is left out, which at the variant's own
        input size changes nothing; so is the softmax, in whose place a snapshot has its loss.
    """
    steps: list[tuple[str, Layer | None]] = []
    for layer in variant.layers:
        if isinstance(layer, AdaptiveAvgPool | Softmax):
            continue
        steps.append((_TYPES[type(layer)], layer))
        if isinstance(layer, Conv | Linear) and layer.relu:
            steps.append(("ReLU", None))
    return steps


def choose_variant(
    roles: Roles,
    groups: Mapping[str, int],
    layers: list[CaffeLayer],
    graph: LayerGraph,
    path: str,
) -> str | None:
    """Find the variant that a file is.

    Parameters
    ----------
    roles : Roles
        Its layers.
    groups : mapping of str to int
        Groups of each convolution as its weight's shape shows them, where it does.
    layers : list of CaffeLayer
        All layers of the file.
    graph : LayerGraph
        Made of them.
    path : str
        What errors call the file.

    Returns
    -------
    str or None
        Name of the first variant that nothing in the file contradicts, provided that the file
        shows whether normalisation comes before pooling, or that no other variant is left. The
        networks of Caffe come before the paper's, which differs from them in settings alone.

    Raises
    ------
    WeightsError
        Every variant is contradicted. The message lists what contradicts the nearest one.
    """
    norm_first = None if roles.path else _norm_first(layers, graph)
    problems = {
        name: [
            *_group_problems(variant, groups),
            *(
                _path_problems(variant, roles.path, path)
                if roles.path
                else _named_problems(variant, layers, norm_first, path)
            ),
        ]
        for name, variant in VARIANTS.items()
    }
    candidates = [name for name, found in problems.items() if not found]
    if candidates:
        told = bool(roles.path) or norm_first is not None or len(candidates) == 1
        return candidates[0] if told else None
    nearest = min(problems, key=lambda name: sum(weight for weight, _ in problems[name]))
    listed = "; ".join(text for _, text in problems[nearest])
    raise WeightsError(
        f"{path!r}: none of the AlexNets that are known here; the nearest is {nearest!r}: {listed}"
    )


def _group_problems(variant: Variant, groups: Mapping[str, int]) -> Iterator[_Problem]:
    for layer in variant.layers:
        found = groups.get(layer.name)
        if isinstance(layer, Conv) and found is not None and found != layer.groups:
            yield (
                _GROUPS,
                f"the weights of {layer.name} are for {found} groups, not {layer.groups}",
            )


def _path_problems(
    variant: Variant, steps: tuple[CaffeLayer, ...], path: str
) -> Iterator[_Problem]:
    """Compare what runs from the image to the classifier, and with which settings."""
    expected = expected_path(variant)
    for i, (needed, _) in enumerate(expected):
        found = steps[i].type if i < len(steps) else "nothing"
        if found != needed:
            before = steps[i - 1].label if i else "the image"
            yield _ORDER, f"after {before} comes {clip(found)}, not {needed}"
            return
    if len(steps) > len(expected):
        extra = steps[len(expected)]
        yield _ORDER, f"after the classifier comes {extra.type} {clip(extra.name)}"
        return
    for (_, spec), layer in zip(expected, steps, strict=True):
        yield from _setting_problems(spec, layer, path)


def _named_problems(
    variant: Variant, layers: list[CaffeLayer], norm_first: bool | None, path: str
) -> Iterator[_Problem]:
    """Compare the settings of layers that are not connected, by their names."""
    names = [layer.name for layer in variant.layers]
    if any(layer.type == "LRN" for layer in layers) and "norm1" not in names:
        yield _ORDER, "there is normalisation"
    elif norm_first is not None and norm_first != (names.index("norm1") < names.index("pool1")):
        yield _ORDER, f"norm1 comes {'before' if norm_first else 'after'} pool1"
    specs = {layer.name: layer for layer in variant.layers}
    for layer in layers:
        spec = specs.get(layer.name)
        if layer.type == "ReLU":
            yield from _setting_problems(None, layer, path)
        elif spec is not None and layer.type == _TYPES.get(type(spec)):
            yield from _setting_problems(spec, layer, path)


def _setting_problems(spec: Layer | None, layer: CaffeLayer, path: str) -> Iterator[_Problem]:
    needed = spec_settings(spec)
    for name, found in file_settings(layer, path).items():
        if name in needed and needed[name] != found:
            yield _SETTING, f"{layer.label}: {name} is {found}, not {needed[name]}"


def _norm_first(layers: list[CaffeLayer], graph: LayerGraph) -> bool | None:
    """Tell whether norm1 comes before pool1, in a file that does not connect all its layers."""
    named = {layer.name: (i, layer) for i, layer in enumerate(layers)}
    if "norm1" not in named:
        return None
    norm_place, norm = named["norm1"]
    if norm.bottoms:
        steps = graph.path_to(norm)
        before = steps[: steps.index(norm)] if norm in steps else ()
        sources = {step.name for step in before} | set(norm.bottoms)
        if "pool1" in sources:
            return False
        return True if "conv1" in sources else None
    if "pool1" not in named or named["pool1"][1].bottoms:
        return None
    return norm_place < named["pool1"][0]  # Caffe lists layers in the order in which they run
