"""Which layers of a Caffe file run, in what order, and which is conv1, which fc8.

The path through the network tells it, whatever the layers are called and in whatever order they
are stored. Where a file does not say what feeds what, its order does, as Caffe lists layers in the
order in which they run; and where it has no settings either, the names do: the classifier, which
fine-tuning renames, is then the one inner product that is left over and takes what fc7 gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe.blobs import blob_shape
from alexnet_cy.weights.caffe.layers import CaffeLayer, LayerGraph, clip
from alexnet_cy.weights.caffe.settings import file_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WEIGHTED_TYPES", "by_name", "check_names", "check_order", "path_to_the_end"]

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
INNER_PRODUCTS = ("fc6", "fc7", "fc8")
_ROLES = CONVOLUTIONS + INNER_PRODUCTS
_TYPES = ("Convolution",) * len(CONVOLUTIONS) + ("InnerProduct",) * len(INNER_PRODUCTS)

WEIGHTED_TYPES = frozenset(_TYPES)
"""The types of layer with a weight and a bias."""

# What states its settings in every file that has any.
_WITH_SETTINGS = ("Convolution", "Pooling")
# What does not run, or changes nothing at inference.
_PASSIVE = frozenset({"Accuracy", "Data", "Dropout", "Flatten", "ImageData", "Input", "Split"})


def path_to_the_end(
    layers: list[CaffeLayer], graph: LayerGraph, path: str, head: str | None
) -> tuple[CaffeLayer, ...]:
    """Return what runs from the image to the classifier, or to wherever the network ends.

    Parameters
    ----------
    layers : list of CaffeLayer
        All layers of the network.
    graph : LayerGraph
        Made of them.
    path : str
        What errors call the file.
    head : str or None
        The layer that the path is to end with, for a network that has several ends.

    Returns
    -------
    tuple of CaffeLayer
        Empty if the file does not connect its layers, or states no settings.

    Raises
    ------
    WeightsError
        There are several ends, and none has a layer called fc8 at last; or there is no layer
        `head` with a path to it.
    """
    if head is not None:
        named = [layer for layer in layers if layer.name == head and layer.bottoms]
        steps = graph.path_to(named[0]) if len(named) == 1 else ()
        if not steps:
            names = ", ".join(clip(end.name) for end in graph.ends()[:20])
            raise WeightsError(f"{path!r}: no way to a layer {clip(head)}; the ends are {names}")
        return steps
    if any(layer.type in _WITH_SETTINGS and not file_settings(layer, path) for layer in layers):
        return ()
    if not any(layer.bottoms for layer in layers):
        runs = [x for x in layers if x.type not in _PASSIVE and not x.type.endswith("Loss")]
        has_settings = any(layer.type in _WITH_SETTINGS for layer in runs)
        return tuple(runs) if has_settings and any(x.type == "ReLU" for x in runs) else ()
    paths = [graph.path_to(layer) for layer in graph.ends()]
    paths = [steps for steps in paths if any(step.type == "Convolution" for step in steps)]
    return _choose(paths, path) if paths else ()


def _choose(paths: Sequence[tuple[CaffeLayer, ...]], path: str) -> tuple[CaffeLayer, ...]:
    """Return the only path, or the one that ends in a layer called fc8; none if all are broken."""
    if len(paths) == 1:
        return paths[0]
    last = [
        next((step for step in reversed(steps) if step.type in WEIGHTED_TYPES), steps[-1])
        for steps in paths
    ]
    named = [steps for steps, layer in zip(paths, last, strict=True) if layer.name == "fc8"]
    if len({id(layer) for layer in last}) == 1:
        return max(paths, key=len)
    if not any(layer.type == "InnerProduct" for layer in last):
        return ()  # parts of a path, not the heads of a network
    if len(named) != 1:
        names = ", ".join(clip(layer.name) for layer in last[:20])
        raise WeightsError(
            f"{path!r}: several classifiers ({names}), and none is called fc8; head= chooses one"
        )
    return named[0]


def check_names(layers: list[CaffeLayer], path: str) -> None:
    """Check that no two layers with weights have the same name; WeightsError."""
    seen: set[str] = set()
    for layer in layers:
        if layer.message.blobs:
            if layer.name in seen:
                raise WeightsError(
                    f"{path!r}: two layers with weights are called {clip(layer.name)}"
                )
            seen.add(layer.name)


def check_order(roles: Sequence[str], layers: Sequence[CaffeLayer], path: str) -> None:
    """Check that none of five convolutions and what follows has another one's name."""
    if "conv5" not in roles or "conv6" in roles:
        return
    for role, layer in zip(roles, layers, strict=True):
        if layer.name in _ROLES and layer.name != role:
            raise WeightsError(f"{path!r}: {layer.label} stands where an AlexNet has {role}")


def by_name(layers: list[CaffeLayer], path: str) -> dict[str, CaffeLayer]:
    """Assign the layers that have an AlexNet's names, and the classifier by what it takes.

    Raises
    ------
    WeightsError
        There is none; one with weights is neither a convolution nor an inner product, or not what
        its name says; there are several classifiers and none is called fc8.
    """
    weighted = [layer for layer in layers if layer.message.blobs]
    for layer in weighted:
        if layer.type not in _TYPES:
            raise WeightsError(
                f"{path!r}: {layer.label} has the type {clip(layer.type)} and weights; in an "
                "AlexNet only convolutions and inner products have them"
            )
    roles = {layer.name: layer for layer in weighted if layer.name in _ROLES}
    for role, needed in zip(_ROLES, _TYPES, strict=True):
        if role in roles and roles[role].type != needed:
            raise WeightsError(f"{path!r}: {roles[role].label} is no {needed}")
    if "fc8" not in roles and "fc7" in roles:
        width = _features(roles["fc7"], path)[0]
        heads = [
            layer
            for layer in weighted
            if layer.type == "InnerProduct"
            and layer.name not in _ROLES
            and _features(layer, path)[1] == width
        ]
        if len(heads) > 1:
            names = ", ".join(clip(head.name) for head in heads[:20])
            raise WeightsError(f"{path!r}: several classifiers ({names}), and none is called fc8")
        if heads:
            roles["fc8"] = heads[0]
    if not roles:
        raise WeightsError(f"{path!r}: a Caffe network without any layer of an AlexNet")
    return roles


def _features(layer: CaffeLayer, path: str) -> tuple[int, int]:
    """Return how many numbers an inner product gives and takes."""
    shape = blob_shape(layer.message.blobs[0], f"{path!r}: {layer.label}: weight")
    settings = layer.settings("inner_product_param")
    out_features, in_features = (1, *shape)[-2:]
    if settings is not None and settings.transpose:
        return in_features, out_features
    return out_features, in_features
