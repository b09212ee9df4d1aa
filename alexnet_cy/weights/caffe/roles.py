"""Which layer of a Caffe network is conv1, which fc8.

The path through the network tells it, whatever the layers are called and in whatever order they
are stored: five convolutions, then three inner products. Where a file does not say what feeds
what, the names do, and the classifier, which fine-tuning renames, is the one inner product that is
left over and takes what fc7 gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe.blobs import blob_shape
from alexnet_cy.weights.caffe.layers import CaffeLayer, LayerGraph, clip

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Roles", "assign_roles"]

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
INNER_PRODUCTS = ("fc6", "fc7", "fc8")
_ROLES = CONVOLUTIONS + INNER_PRODUCTS
_TYPES = ("Convolution",) * len(CONVOLUTIONS) + ("InnerProduct",) * len(INNER_PRODUCTS)


@dataclass(frozen=True, slots=True)
class Roles:
    """The layers of an AlexNet, found in a file.

    Attributes
    ----------
    parameters : mapping of str to CaffeLayer
        The layers with weights by canonical name; as many as the file has.
    path : tuple of CaffeLayer
        Everything that runs from the image to the classifier, in order; empty if the file does
        not connect its layers.
    """

    parameters: Mapping[str, CaffeLayer]
    path: tuple[CaffeLayer, ...]


def assign_roles(layers: list[CaffeLayer], graph: LayerGraph, path: str) -> Roles:
    """Find out which layer is which.

    Parameters
    ----------
    layers : list of CaffeLayer
        All layers of the network.
    graph : LayerGraph
        Made of them.
    path : str
        What errors call the file.

    Returns
    -------
    Roles

    Raises
    ------
    WeightsError
        There is no layer of an AlexNet; the connected layers are not five convolutions and three
        inner products; there are several classifiers and none is called fc8; a layer has another
        one's name; two layers with weights have the same name; or, in a file that does not connect
        its layers, one with weights is neither a convolution nor an inner product.
    """
    _check_names(layers, path)
    paths = _paths_to_classifiers(layers, graph)
    if not paths:
        parameters = _by_name(layers, path)
        if not parameters:
            raise WeightsError(f"{path!r}: a Caffe network without any layer of an AlexNet")
        return Roles(parameters, ())
    complete = [steps for steps in paths if _weighted_types(steps) == _TYPES]
    if not complete:
        run = ", ".join(f"{step.type} {clip(step.name)}" for step in paths[0][:30])
        raise WeightsError(
            f"{path!r}: no AlexNet: it has five convolutions and then three inner products; the "
            f"layers of this network run {run}"
        )
    steps = _choose_classifier(complete, path)
    parameters = dict(zip(_ROLES, _weighted(steps), strict=True))
    for role, layer in parameters.items():
        if layer.name in _ROLES and layer.name != role:
            raise WeightsError(f"{path!r}: {layer.label} stands where an AlexNet has {role}")
    return Roles(parameters, steps)


def _check_names(layers: list[CaffeLayer], path: str) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.message.blobs:
            if layer.name in seen:
                raise WeightsError(
                    f"{path!r}: two layers with weights are called {clip(layer.name)}"
                )
            seen.add(layer.name)


def _paths_to_classifiers(
    layers: list[CaffeLayer], graph: LayerGraph
) -> list[tuple[CaffeLayer, ...]]:
    """Return the paths, with a convolution on them, to inner products that feed no other one."""
    paths = {id(layer): graph.path_to(layer) for layer in layers if layer.type == "InnerProduct"}
    inner = {id(step) for end, steps in paths.items() for step in steps if id(step) != end}
    return [
        steps
        for end, steps in paths.items()
        if end not in inner and any(step.type == "Convolution" for step in steps)
    ]


def _choose_classifier(paths: list[tuple[CaffeLayer, ...]], path: str) -> tuple[CaffeLayer, ...]:
    """Return the only path, or the one that ends in a layer called fc8."""
    if len(paths) > 1:
        heads = [_weighted(steps)[-1] for steps in paths]
        named = [steps for steps, head in zip(paths, heads, strict=True) if head.name == "fc8"]
        if len(named) != 1:
            names = ", ".join(clip(head.name) for head in heads[:20])
            raise WeightsError(f"{path!r}: several classifiers ({names}), and none is called fc8")
        return named[0]
    return paths[0]


def _by_name(layers: list[CaffeLayer], path: str) -> dict[str, CaffeLayer]:
    """Assign the layers that have an AlexNet's names, and the classifier by what it takes."""
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
    return roles


def _features(layer: CaffeLayer, path: str) -> tuple[int, int]:
    """Return how many numbers an inner product gives and takes."""
    shape = blob_shape(layer.message.blobs[0], f"{path!r}: {layer.label}: weight")
    settings = layer.settings("inner_product_param")
    out_features, in_features = (1, *shape)[-2:]
    if settings is not None and settings.transpose:
        return in_features, out_features
    return out_features, in_features


def _weighted(steps: tuple[CaffeLayer, ...]) -> list[CaffeLayer]:
    return [step for step in steps if step.type in _TYPES]


def _weighted_types(steps: tuple[CaffeLayer, ...]) -> tuple[str, ...]:
    return tuple(step.type for step in _weighted(steps))
