"""The network of a whole pickled model, from the settings of its modules.

A state dict has no strides, paddings, pools and normalisations; modules have them all. They are
taken in the order in which the model holds them, which is the order of the forward pass wherever
models are made of sequences. Whatever speaks against that makes the model a mere state dict: a
module of another kind, a layer without a ReLU behind it, sizes that do not follow from one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax
from alexnet_cy.weights.graphs.build import Built, build
from alexnet_cy.weights.graphs.steps import Flatten, Relu, Step, Weighted
from alexnet_cy.weights.naming.finish import finish
from alexnet_cy.weights.pickles.inert import Foreign
from alexnet_cy.weights.pytorch.modules import MAX_MODULES, children, own_tensors, settings
from alexnet_cy.weights.pytorch.stored import StoredTensor

if TYPE_CHECKING:
    from alexnet_cy.network.windows import Padding, Pair

__all__ = ["built_of", "epsilons_of"]

_TORCH = "torch.nn.modules"
_CHANGE_NOTHING = frozenset({"Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "Identity"})
_WEIGHTED = frozenset({"Conv2d", "Linear"})
_NORMS = frozenset({"BatchNorm1d", "BatchNorm2d"})
_TENSORS_OF_NORM = {"weight": "norm_weight", "bias": "norm_bias"}
_TRAINED_SIZE = 224  # of most of PyTorch's networks, so tried first

Settings: TypeAlias = Mapping[Any, Any]
AsTensor: TypeAlias = Callable[[StoredTensor], TensorRef]


class _Unclear(Exception):
    """The modules do not tell the network."""


class _Leaf(NamedTuple):
    """A module that holds no others: its class's name in torch.nn, settings and tensors."""

    kind: str
    settings: Settings
    tensors: Mapping[str, object]


def built_of(path: str, module: Foreign, as_tensor: AsTensor) -> Built | None:
    """Return the network that a whole model is, None if its modules do not tell it.

    Parameters
    ----------
    path : str
        What errors call the file.
    module : Foreign
        The model.
    as_tensor : callable
        Returns what reads a tensor of the file.
    """
    try:
        steps = list(_steps(list(_leaves(module)), as_tensor))
        try:
            built = build(path, steps, (_TRAINED_SIZE, _TRAINED_SIZE))
        except WeightsError:
            built = build(path, steps)
    except (_Unclear, WeightsError, ValueError, TypeError, KeyError):  # settings may be anything
        return None
    learned = [layer for layer in built.network.layers if isinstance(layer, Conv | Linear)]
    if not all(layer.relu for layer in learned[:-1]):
        return None  # functions between the modules, which nobody sees here
    # Whoever trains with PyTorch prepares images as torchvision does.
    network = replace(built.network, preset="torchvision", channel_order="RGB")
    return built._replace(network=network)


def epsilons_of(module: Foreign) -> dict[str, float]:
    """Return what each batch normalisation adds to the variance, by the layer before it.

    It holds too for a model whose modules do not tell the network.
    """
    counts, names, layer = {"Conv2d": 0, "Linear": 5}, {"Conv2d": "conv", "Linear": "fc"}, ""
    found = {}
    try:
        for leaf in _leaves(module):
            if leaf.kind in counts:
                counts[leaf.kind] += 1
                layer = f"{names[leaf.kind]}{counts[leaf.kind]}"
            elif leaf.kind in _NORMS and isinstance(leaf.settings.get("eps"), float):
                found[layer] = leaf.settings["eps"]
    except _Unclear:
        return {}
    return found


def _leaves(module: Foreign) -> Iterator[_Leaf]:
    """Yield the modules that hold no others, in order."""
    waiting = [module]
    for _ in range(MAX_MODULES):
        if not waiting:
            return
        current = waiting.pop(0)
        inner = [child for _, child in children(current)]
        origin, name = current.origin
        if origin.startswith(_TORCH) and not inner:
            yield _Leaf(name, settings(current), own_tensors(current))
        elif inner:
            waiting = inner + waiting
        else:
            raise _Unclear
    raise _Unclear


def _steps(leaves: Sequence[_Leaf], as_tensor: AsTensor) -> Iterator[Step]:
    """Yield what the modules compute; a batch normalisation is part of the layer before it."""
    before = ""
    for leaf, after in zip(leaves, [*leaves[1:], None], strict=True):
        if leaf.kind in _WEIGHTED:
            norm = after if after is not None and after.kind in _NORMS else None
            yield _weighted(leaf, norm, as_tensor)
        elif leaf.kind in _NORMS:
            if before not in _WEIGHTED:
                raise _Unclear
        elif leaf.kind not in _CHANGE_NOTHING:
            yield _step(leaf.kind, leaf.settings)
        before = leaf.kind


def _weighted(leaf: _Leaf, norm: _Leaf | None, as_tensor: AsTensor) -> Weighted:
    parts, epsilons = dict(leaf.tensors), {}
    if norm is not None:
        parts |= {_TENSORS_OF_NORM.get(name, name): x for name, x in norm.tensors.items()}
        epsilons = {"conv1": float(norm.settings["eps"])}
    tensors = {
        f"conv1.{name}": as_tensor(part)
        for name, part in parts.items()
        if isinstance(part, StoredTensor)
    }
    finished = finish(tensors, epsilons)
    weight, bias = finished["conv1.weight"], finished.get("conv1.bias")
    if leaf.kind == "Linear":
        linear = Linear(leaf.kind, leaf.settings["out_features"], relu=False)
        return Weighted(leaf.kind, linear, weight, bias)
    values = leaf.settings
    if values.get("padding_mode", "zeros") != "zeros" or _pair(values["dilation"]) != (1, 1):
        raise _Unclear
    padding = (0, 0) if values["padding"] == "valid" else values["padding"]
    conv = Conv(
        leaf.kind,
        values["out_channels"],
        _pair(values["kernel_size"]),
        _pair(values["stride"]),
        _both_ends(padding),
        values["groups"],
        relu=False,
    )
    return Weighted(leaf.kind, conv, weight, bias)


def _step(kind: str, values: Settings) -> Step:
    match kind:
        case "ReLU":
            return Relu(kind)
        case "MaxPool2d":
            if _pair(values.get("dilation", 1)) != (1, 1):
                raise _Unclear
            kernel, stride = _pair(values["kernel_size"]), values.get("stride")
            strides = kernel if stride is None else _pair(stride)
            padding = _both_ends(values.get("padding", 0))
            ceil_mode = values.get("ceil_mode") is True
            return MaxPool(kind, kernel, strides, padding, ceil_mode)
        case "LocalResponseNorm":
            alpha, beta, k = (float(values[name]) for name in ("alpha", "beta", "k"))
            return LRN(kind, values["size"], alpha, beta, k)
        case "AdaptiveAvgPool2d":
            return AdaptiveAvgPool(kind, _pair(values["output_size"]))
        case "Softmax":
            return Softmax(kind)
        case "Flatten":
            return Flatten()
        case _:
            raise _Unclear


def _pair(value: object) -> Pair:
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or not all(type(size) is int for size in pair):
        raise _Unclear
    return pair


def _both_ends(value: object) -> Padding:
    down, across = _pair(value)
    return (down, down), (across, across)
