"""What the values inside a network are called, and what else people call them.

The name of a convolution or fully connected layer means its value after the ReLU, as in Caffe,
where the ReLU works in place; "_pre" behind the name means the value before it. fc8 has no ReLU:
"fc8" is the logits, and "fc8_pre", which is the same value, is understood as "fc8". torchvision's
node names are understood for every variant that has the layer; those of its dropout layers
(classifier.0 and classifier.3) are not, as dropout does nothing at inference.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.specs import Conv, Linear

__all__ = ["PRE_SUFFIX", "TORCHVISION_NODES", "feature_names", "layer_of_feature", "resolve_layer"]

PRE_SUFFIX = "_pre"

TORCHVISION_NODES: Mapping[str, str] = MappingProxyType(
    {
        "features.0": "conv1_pre",
        "features.1": "conv1",
        "features.2": "pool1",
        "features.3": "conv2_pre",
        "features.4": "conv2",
        "features.5": "pool2",
        "features.6": "conv3_pre",
        "features.7": "conv3",
        "features.8": "conv4_pre",
        "features.9": "conv4",
        "features.10": "conv5_pre",
        "features.11": "conv5",
        "features.12": "pool5",
        "avgpool": "avgpool",
        "classifier.1": "fc6_pre",
        "classifier.2": "fc6",
        "classifier.4": "fc7_pre",
        "classifier.5": "fc7",
        "classifier.6": "fc8",
    }
)
"""Our name for each node of torchvision's AlexNet (its modules, numbered as in its state dict)."""


def feature_names(variant: Variant) -> tuple[str, ...]:
    """List the values that can be asked for, in the order in which the pass makes them.

    Returns
    -------
    tuple of str
        Every layer's name, and before it, for a layer that ends in a ReLU, its name with "_pre".
    """
    names: list[str] = []
    for layer in variant.layers:
        if isinstance(layer, Conv | Linear) and layer.relu:
            names.append(layer.name + PRE_SUFFIX)
        names.append(layer.name)
    return tuple(names)


def resolve_layer(variant: Variant, name: str) -> str:
    """Find the canonical name of a value inside the network.

    Parameters
    ----------
    variant : Variant
        The network.
    name : str
        A name of ours, or torchvision's: "conv5", "fc7_pre", "features.11".

    Returns
    -------
    str
        One of `feature_names(variant)`.

    Raises
    ------
    TypeError
        If `name` is no string.
    ValueError
        If the network has no such value; the message suggests a name and lists all of ours.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a layer must be a str, got {name!r}")
    names = feature_names(variant)
    canonical = TORCHVISION_NODES.get(name, name)
    if canonical in names:
        return canonical
    layer_name = layer_of_feature(canonical)
    if layer_name in names and isinstance(variant.layer(layer_name), Conv | Linear):
        return layer_name  # it has no ReLU, else its "_pre" would be among the names
    from difflib import get_close_matches  # not worth its import time where the names are right

    near = get_close_matches(name, [*names, *TORCHVISION_NODES], n=1)
    suggestion = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(
        f"variant {variant.name!r} has no layer {name!r}{suggestion}; "
        f"its layers are {', '.join(names)}, and there the network ends"
    )


def layer_of_feature(feature: str) -> str:
    """Return the layer that makes a value: "conv1" for "conv1" and for "conv1_pre"."""
    return feature.removesuffix(PRE_SUFFIX)
