"""The network of a whole pickled model, from the settings of its modules.

A state dict has no strides, paddings, pools and normalisations; modules have them all. They are
taken in the order in which the model holds them, which is the order of the forward pass wherever
models are made of sequences. Whatever speaks against that makes the model a mere state dict: a
module of another kind, a layer without a ReLU behind it, sizes that do not follow from one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.recognition import recognise
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax
from alexnet_cy.weights.pickles.inert import Foreign
from alexnet_cy.weights.pytorch.modules import MAX_MODULES, children, settings

__all__ = ["epsilons_of", "network_of"]

_TORCH = "torch.nn.modules"
_CHANGE_NOTHING = frozenset(
    {"Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "Flatten", "Identity"}
)
_INPUT_SIZES = (224, 227, 256, 32, 64, 96, 128, 299, 512)  # of images that networks are trained on

Settings: TypeAlias = Mapping[Any, Any]


class _Unclear(Exception):
    """The modules do not tell the network."""


def network_of(module: Foreign, shapes: Mapping[str, tuple[int, ...]]) -> Variant | None:
    """Return the network that a whole model is, None if its modules do not tell it.

    Parameters
    ----------
    module : Foreign
        The model.
    shapes : mapping of str to tuple of int
        Of its tensors, by canonical names.
    """
    try:
        layers = _layers(_leaves(module))
        in_channels = shapes["conv1.weight"][1]
        return _sized(layers, in_channels, shapes)
    except (_Unclear, ValueError, TypeError, KeyError, IndexError):  # settings may be anything
        return None


def epsilons_of(module: Foreign) -> dict[str, float]:
    """Return what each batch normalisation adds to the variance, by the layer before it."""
    found = {}
    convolutions = linears = 0
    layer = ""
    try:
        for kind, values in _leaves(module):
            if kind == "Conv2d":
                convolutions += 1
                layer = f"conv{convolutions}"
            elif kind == "Linear":
                linears += 1
                layer = f"fc{5 + linears}"
            elif kind.startswith("BatchNorm") and isinstance(values.get("eps"), float):
                found[layer] = values["eps"]
    except _Unclear:
        return {}
    return found


def _leaves(module: Foreign) -> Iterator[tuple[str, Settings]]:
    """Yield the modules that hold no others, in order, by their class's name in torch.nn."""
    waiting = [module]
    for _ in range(MAX_MODULES):
        if not waiting:
            return
        current = waiting.pop(0)
        inner = [child for _, child in children(current)]
        origin, name = current.origin
        if origin.startswith(_TORCH) and not inner:
            yield name, settings(current)
        elif inner:
            waiting = inner + waiting
        else:
            raise _Unclear
    raise _Unclear


def _layers(leaves: Iterator[tuple[str, Settings]]) -> list[Layer]:
    layers: list[Layer] = []
    numbers = {"conv": 0, "fc": 5}
    for kind, values in leaves:
        last = layers[-1] if layers else None
        if kind == "ReLU":
            if not isinstance(last, Conv | Linear) or last.relu:
                raise _Unclear
            layers[-1] = replace(last, relu=True)
        elif kind in ("BatchNorm1d", "BatchNorm2d"):
            if not isinstance(last, Conv | Linear) or last.relu:
                raise _Unclear
        elif kind in _MAKERS:
            layers.append(_MAKERS[kind](values, numbers))
        elif kind not in _CHANGE_NOTHING:
            raise _Unclear
    learned = [layer for layer in layers if isinstance(layer, Conv | Linear)]
    if not learned or not all(layer.relu for layer in learned[:-1]):
        raise _Unclear  # functions between the modules, which nobody sees here
    if isinstance(layers[-1], Linear) and not layers[-1].relu:
        layers.append(Softmax("prob"))
    return layers


def _conv(values: Settings, numbers: dict[str, int]) -> Layer:
    if values.get("padding_mode", "zeros") != "zeros" or _pair(values["dilation"]) != (1, 1):
        raise _Unclear
    kernel, padding = _pair(values["kernel_size"]), values["padding"]
    if padding == "valid":
        padding = (0, 0)
    if isinstance(padding, str):
        raise _Unclear
    numbers["conv"] += 1
    return Conv(
        f"conv{numbers['conv']}",
        values["out_channels"],
        kernel,
        stride=_pair(values["stride"]),
        padding=_both_ends(padding),
        groups=values["groups"],
        relu=False,
    )


def _linear(values: Settings, numbers: dict[str, int]) -> Layer:
    numbers["fc"] += 1
    return Linear(f"fc{numbers['fc']}", values["out_features"], relu=False)


def _max_pool(values: Settings, numbers: dict[str, int]) -> Layer:
    if _pair(values.get("dilation", 1)) != (1, 1):
        raise _Unclear
    kernel = _pair(values["kernel_size"])
    stride = values.get("stride")
    return MaxPool(
        f"pool{numbers['conv']}",
        kernel,
        stride=kernel if stride is None else _pair(stride),
        padding=_both_ends(values.get("padding", 0)),
        ceil_mode=values.get("ceil_mode") is True,
    )


def _norm(values: Settings, numbers: dict[str, int]) -> Layer:
    alpha, beta, k = (float(values[name]) for name in ("alpha", "beta", "k"))
    return LRN(f"norm{numbers['conv']}", values["size"], alpha, beta, k)


def _average(values: Settings, numbers: dict[str, int]) -> Layer:
    return AdaptiveAvgPool("avgpool", _pair(values["output_size"]))


def _softmax(values: Settings, numbers: dict[str, int]) -> Layer:
    return Softmax("prob")


_MAKERS: Mapping[str, Callable[[Settings, dict[str, int]], Layer]] = {
    "Conv2d": _conv,
    "Linear": _linear,
    "MaxPool2d": _max_pool,
    "LocalResponseNorm": _norm,
    "AdaptiveAvgPool2d": _average,
    "Softmax": _softmax,
}


def _sized(layers: list[Layer], in_channels: int, shapes: Mapping[str, tuple[int, ...]]) -> Variant:
    """Find the input size from which the fully connected layers' inputs follow."""
    for size in _INPUT_SIZES:
        try:
            network = Variant("file", tuple(layers), size, in_channels=in_channels)
        except ValueError:
            continue
        needed = network.parameter_shapes()
        if all(shapes.get(name) == needed[name] for name in needed if name.endswith("weight")):
            found = recognise(network)
            # Whoever trains with PyTorch prepares images as torchvision does.
            return replace(found, preset="torchvision", channel_order="RGB")
    raise _Unclear


def _pair(value: object) -> tuple[int, int]:
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or not all(type(size) is int for size in pair):
        raise _Unclear
    return pair


def _both_ends(value: object) -> tuple[tuple[int, int], tuple[int, int]]:
    down, across = _pair(value)
    return (down, down), (across, across)
