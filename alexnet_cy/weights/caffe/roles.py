"""Which layers of a Caffe file run, and in what order.

The path through the network tells it, whatever the layers are called and in whatever order they
are stored. Where a file does not say what feeds what, its order does, as Caffe lists layers in the
order in which they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe.layers import CaffeLayer, LayerGraph, clip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ROLES", "check_names", "check_order", "path_to_the_end"]

ROLES = dict.fromkeys(("conv1", "conv2", "conv3", "conv4", "conv5"), "Convolution")
ROLES |= dict.fromkeys(("fc6", "fc7", "fc8"), "InnerProduct")
"""The layers of an AlexNet that have weights, and their types."""

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
    if any(layer.lacks_settings for layer in layers):
        return ()
    if not any(layer.bottoms for layer in layers):
        runs = [x for x in layers if x.type not in _PASSIVE and not x.type.endswith("Loss")]
        return tuple(runs) if {"Convolution", "ReLU"} <= {x.type for x in runs} else ()
    paths = [graph.path_to(layer) for layer in graph.ends()]
    paths = [steps for steps in paths if any(step.type == "Convolution" for step in steps)]
    return _choose(paths, path) if paths else ()


def _choose(paths: Sequence[tuple[CaffeLayer, ...]], path: str) -> tuple[CaffeLayer, ...]:
    """Return the only path, or the one that ends in a layer called fc8; none if all are broken."""
    if len(paths) == 1:
        return paths[0]
    last = [
        next((step for step in reversed(steps) if step.type in ROLES.values()), steps[-1])
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


def check_order(roles: Mapping[str, CaffeLayer], path: str) -> None:
    """Check that none of five convolutions and what follows has another one's name."""
    if "conv5" not in roles or "conv6" in roles:
        return
    for role, layer in roles.items():
        if layer.name in ROLES and layer.name != role:
            raise WeightsError(f"{path!r}: {layer.label} stands where an AlexNet has {role}")
