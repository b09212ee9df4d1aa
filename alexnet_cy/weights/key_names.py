"""What tensors are called in files, and what they are called here.

The canonical name is the Caffe layer, a dot, and "weight" or "bias": ``conv1.weight``. Files also
use torchvision's names, ``features.0.weight``, with ``module.`` wherever ``DataParallel`` wrapped
something, and Caffe's layers with other endings.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alexnet_cy.contracts.records import record
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.naming.modules import KINDS, TENSORFLOW_KINDS, split_name
from alexnet_cy.weights.naming.order import names_by_order, refuse_several

__all__ = [
    "LAYER_NAMES",
    "TORCHVISION_MODULES",
    "Names",
    "canonical_names",
    "torchvision_name",
]

LAYER_NAMES = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
"""The layers with parameters, in the order of the forward pass."""

TORCHVISION_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "conv1": "features.0",
        "conv2": "features.3",
        "conv3": "features.6",
        "conv4": "features.8",
        "conv5": "features.10",
        "fc6": "classifier.1",
        "fc7": "classifier.4",
        "fc8": "classifier.6",
    }
)
"""torchvision's module of each layer (torchvision/models/alexnet.py)."""

# Dropout has no parameters, so a classifier that has it behind the ReLU instead of before the
# linear layer, or not at all, is the same network with other numbers.
_CLASSIFIERS = (("1", "4", "6"), ("0", "3", "6"), ("0", "2", "4"))

# Of a layer that has its usual name; what belongs to a batch normalisation needs the order.
_NAMED_KINDS = frozenset(KINDS.values()) - {"running_mean", "running_var"}

# What stands before these is what wraps the network: ``model.``, ``net.``, ``_orig_mod.``.
_ANCHORS = ("features.0", "conv1")


@record(frozen=True, slots=True)
class Names:
    """How a file names its tensors.

    Attributes
    ----------
    canonical : mapping of str to str
        The canonical name of each stored name; a name that is not understood stands for itself, and
        one that is left out belongs to no layer.
    variant : str or None
        "torchvision" if the names are torchvision's, else None.
    tensorflow_layout : bool
        Whether names of this kind go with TensorFlow's order of axes.
    """

    canonical: Mapping[str, str]
    variant: str | None
    tensorflow_layout: bool


def canonical_names(stored: Mapping[str, tuple[int, ...]]) -> Names:
    """Translate the names of a file.

    Parameters
    ----------
    stored : mapping of str to tuple of int
        The shape of each tensor by its name in the file, in the order of the file. Shapes matter
        for a fine-tuned network whose last layer has another name (``fc8_flickr``), and for layers
        that are named by their order alone.

    Returns
    -------
    Names

    Raises
    ------
    WeightsError
        Two names of the file mean the same tensor, two prefixes each stand before a network, or a
        batch normalisation is not behind a layer.
    """
    parts = _unwrapped({name: split_name(name) for name in stored})
    torch_layers = _torchvision_layers({layer for layer, _ in parts.values()})
    layers = {layer: layer for layer in LAYER_NAMES} | torch_layers
    layers |= _renamed_head(parts, layers, stored)
    canonical: dict[str, str] = {}
    for name, (layer, ending) in parts.items():
        known = layer in layers and KINDS.get(ending, "") in _NAMED_KINDS
        canonical[name] = f"{layers[layer]}.{KINDS[ending]}" if known else name
    variant = "torchvision" if torch_layers else None
    if not _is_whole(canonical):
        by_order = names_by_order(stored)
        if by_order is not None:
            canonical = by_order
            variant = "torchvision" if _is_torchvisions_trunk(canonical) else None
    _check_unique(canonical)
    endings = {split_name(name)[1] for name in canonical}
    return Names(canonical, variant, not endings.isdisjoint(TENSORFLOW_KINDS))


def torchvision_name(canonical: str) -> str:
    """Return torchvision's name of a tensor: ``features.0.weight`` for ``conv1.weight``.

    Raises
    ------
    KeyError
        The name is not that of a parameter of AlexNet.
    """
    layer, _, kind = canonical.partition(".")
    return f"{TORCHVISION_MODULES[layer]}.{kind}"


def _unwrapped(parts: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Take away the prefix that the layers of the network share.

    Raises
    ------
    WeightsError
        There are two networks under two prefixes.
    """
    prefixes = {
        layer.removesuffix(anchor): None
        for layer, _ in parts.values()
        for anchor in _ANCHORS
        if layer == anchor or layer.endswith(f".{anchor}")
    }
    refuse_several(prefixes)
    prefix = next(iter(prefixes), "")
    return {name: (layer.removeprefix(prefix), ending) for name, (layer, ending) in parts.items()}


def _is_whole(canonical: Mapping[str, str]) -> bool:
    """Tell whether every name is understood, and the layers are the first ones without a gap."""
    kinds = {name: tuple(name.split(".")) for name in canonical.values()}
    if any(len(parts) != 2 or parts[0] not in LAYER_NAMES for parts in kinds.values()):
        return False
    present = {parts[0] for parts in kinds.values()}
    return present == set(LAYER_NAMES[: len(present)])


def _is_torchvisions_trunk(canonical: Mapping[str, str]) -> bool:
    """Tell whether the five convolutions have the numbers that they have in torchvision."""
    paths: dict[str, str] = {}
    for stored, name in canonical.items():  # what belongs to a normalisation comes later
        paths.setdefault(name.partition(".")[0], split_name(stored)[0])
    numbers = [paths.get(f"conv{i}", "").rpartition(".")[2] for i in range(1, 6)]
    return numbers == ["0", "3", "6", "8", "10"]


def _torchvision_layers(present: set[str]) -> dict[str, str]:
    """Map torchvision's modules to layers if the file has all of its convolutions' modules."""
    features = {module: layer for layer, module in TORCHVISION_MODULES.items() if "conv" in layer}
    if not features.keys() <= present:
        return {}
    numbers = {layer.split(".")[1] for layer in present if layer.startswith("classifier.")}
    classifier = next((c for c in _CLASSIFIERS if numbers == set(c)), _CLASSIFIERS[0])
    modules = (f"classifier.{number}" for number in classifier)
    return features | dict(zip(modules, ("fc6", "fc7", "fc8"), strict=True))


def _renamed_head(
    parts: Mapping[str, tuple[str, str]],
    layers: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, str]:
    """Find the last layer of a fine-tuned network that gave it a name of its own.

    It is the head if nothing else is, it is the one layer that is not known, and its matrix takes
    as many inputs as fc7, the layer before, has outputs.
    """
    present = {layer for layer, _ in parts.values()}
    known = {layers[layer] for layer in present if layer in layers}
    unknown = present - layers.keys()
    if "fc8" in known or "fc7" not in known or len(unknown) != 1:
        return {}
    head = unknown.pop()
    widths = {
        name: shapes[name] for name, (layer, _) in parts.items() if layers.get(layer) == "fc7"
    }
    features = {shape[0] for shape in widths.values() if len(shape) == 1}
    matrices = [
        shapes[n] for n, (layer, _) in parts.items() if layer == head and len(shapes[n]) == 2
    ]
    if len(matrices) == 1 and features & set(matrices[0]):
        return {head: "fc8"}
    return {}


def _check_unique(canonical: Mapping[str, str]) -> None:
    stored_by_name: dict[str, str] = {}
    for stored, name in canonical.items():
        first = stored_by_name.setdefault(name, stored)
        if first != stored:
            raise WeightsError(f"{first!r} and {stored!r} both mean the tensor {name!r}")
