"""Names of the values inside a network, and their aliases elsewhere.

The name of a convolution or fully connected layer means its value after the ReLU, as in Caffe,
where the ReLU works in place; "_pre" after the name means the value before it. fc8 has no ReLU:
"fc8" is the logits, and "fc8_pre", which is the same value, is understood as "fc8". torchvision's
node names are understood for every variant that has the layer; `network/aliases.py` has the names
of other tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.specs import Conv, Linear

__all__ = [
    "PRE_SUFFIX",
    "TORCHVISION_NODES",
    "feature_names",
    "is_flat_name",
    "layer_of_feature",
    "resolve_layer",
]

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

FLAT_NAMES = frozenset({"flatten", "classifier.0"})
"""Names of what goes into the first fully connected layer as a vector: torchvision's torch.flatten,
and the dropout behind it, which does nothing at inference."""


def feature_names(variant: Variant) -> tuple[str, ...]:
    """List the values that can be requested, in the order in which the pass makes them.

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


def resolve_layer(variant: Variant, name: str, names: str | None = None) -> str:
    """Find the canonical name of a value inside the network.

    Parameters
    ----------
    variant : Variant
        The network.
    name : str
        A name of ours, torchvision's, or another tool's: "conv5", "fc7_pre", "features.11",
        "relu5", "conv1_maxpool"; in upper or lower case.
    names : {"brainscore", "dnnbrain", "matlab"}, optional
        Whose names they are, where these mean something else or nothing to others: Brain-Score's
        regions V1, V2, V4 and IT; conv1 before its ReLU.

    Returns
    -------
    str
        One of `feature_names(variant)`.

    Raises
    ------
    TypeError
        If `name` is not a string.
    ValueError
        If the network has no such value, and the message suggests a name and lists all of ours; if
        the name means different values to different tools, and the message has them; if there is
        no scheme `names`.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a layer must be a str, got {name!r}")
    own = feature_names(variant)
    if names is None and name in own:
        return name
    canonical = _meaning(variant, name, own, names)
    if canonical in own:
        return canonical
    layer_name = layer_of_feature(canonical)
    if layer_name in own and isinstance(variant.layer(layer_name), Conv | Linear):
        return layer_name  # it has no ReLU, else its "_pre" would be among the names
    raise ValueError(
        f"variant {variant.name!r} has no layer {name!r}{_suggestion(name, own)}; "
        f"its layers are {', '.join(own)}, and there the network ends"
    )


def is_flat_name(name: str) -> bool:
    """Tell whether a name means a value as a vector, whatever its shape is inside the network."""
    return name.lower() in FLAT_NAMES


def _meaning(variant: Variant, name: str, own: tuple[str, ...], scheme: str | None) -> str:
    """Return what a name stands for; a name that nobody uses is returned as it is."""
    # Most names are ours, and this one needs no table of others at start-up.
    from alexnet_cy.network.aliases import ALIASES, SCHEMES, TWO_MEANINGS

    if scheme is not None and scheme not in SCHEMES:
        raise ValueError(f"names: need one of {', '.join(SCHEMES)}, got {scheme!r}")
    key = name.lower()
    if scheme is not None and key in SCHEMES[scheme]:
        return SCHEMES[scheme][key]
    for known in (*own, *TORCHVISION_NODES):
        if key == known.lower():
            return TORCHVISION_NODES.get(known, known)
    if key in FLAT_NAMES:
        first = next((i for i, x in enumerate(variant.layers) if isinstance(x, Linear)), 0)
        return variant.layers[first - 1].name if first else name
    if key in TWO_MEANINGS:
        meanings = ", or ".join(f"{us!r} ({why})" for us, why in TWO_MEANINGS[key].items())
        raise ValueError(f"the layer {name!r} may mean {meanings}: write which")
    for other, table in SCHEMES.items():
        if key in table and key not in ALIASES and layer_of_feature(table[key]) in own:
            raise ValueError(
                f"variant {variant.name!r} has no layer {name!r}; {other} means {table[key]!r} by "
                f"it: write that, or names={other!r} (--names {other})"
            )
    return ALIASES.get(key, name)


def _suggestion(name: str, own: tuple[str, ...]) -> str:
    """Return the known name that is most like a wrong one, and what it means, or nothing."""
    from difflib import get_close_matches  # not worth its import time where the names are right

    from alexnet_cy.network.aliases import ALIASES

    def plain(text: str) -> str:
        return "".join(c for c in text.lower() if c.isalnum())

    aliases = {alias: us for alias, us in ALIASES.items() if us in own}
    nodes = [node for node, us in TORCHVISION_NODES.items() if us in own]
    known = {plain(text): text for text in (*aliases, *nodes, *own)}
    near = get_close_matches(plain(name), known, n=1)
    if not near:
        return ""
    text = known[near[0]]
    meant = "" if text in own or text not in aliases else f", which is {aliases[text]!r}"
    return f" (did you mean {text!r}{meant}?)"


def layer_of_feature(feature: str) -> str:
    """Return the layer that makes a value: "conv1" for "conv1" and for "conv1_pre"."""
    return feature.removesuffix(PRE_SUFFIX)
