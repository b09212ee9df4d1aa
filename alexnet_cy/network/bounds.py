"""How large a network may be: sizes may come from a file, and a file may say anything."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, prod
from typing import TYPE_CHECKING

from alexnet_cy.contracts.scalars import as_real
from alexnet_cy.network.specs import LRN, Conv, Linear, MaxPool

if TYPE_CHECKING:
    from alexnet_cy.network.architecture import LayerShapes
    from alexnet_cy.network.specs import Layer

__all__ = ["MAX_CLASSES", "MAX_IN_CHANNELS", "MAX_LAYERS", "check_layers", "check_sizes"]

MAX_CLASSES = 100_000
"""The most classes that a last layer may have; the largest published ones have 21,841."""

MAX_IN_CHANNELS = 16
"""The most channels of an image; the networks known have 1 to 4."""

MAX_LAYERS = 64
"""The most layers of a network; an AlexNet has 11 to 14."""

MAX_WIDTH = MAX_CLASSES  # channels or neurons; AlexNet's widest layers have 4096
MAX_KERNEL = 128  # pixels, and of a stride; AlexNet's largest have 11

# At the network's own input size, for one image.
MAX_MACS = 200_000_000_000  # AlexNet has 0.7 to 1.2 thousand million
MAX_FLOATS = 1 << 28  # of an activation, 1 GiB; AlexNet's largest has 0.3 million
MAX_PARAMETERS = 1 << 30  # 4 GiB; AlexNet has 61 million


def check_layers(layers: Sequence[Layer]) -> None:
    """Check what the layers say of themselves.

    Raises
    ------
    TypeError
        They are no tuple, or a setting is of the wrong kind.
    ValueError
        There are none or too many, the first is no convolution, two have the same name, or one is
        too large.
    """
    if not isinstance(layers, tuple):
        raise TypeError(f"layers: need a tuple of layers, got a {type(layers).__name__}")
    if not layers or not isinstance(layers[0], Conv):
        raise ValueError("layers: need at least one, and a convolution first")
    if len(layers) > MAX_LAYERS:
        raise ValueError(f"layers: need at most {MAX_LAYERS}, got {len(layers)}")
    names: set[str] = set()
    for layer in layers:
        _check_kinds(layer)
        if layer.name in names:
            raise ValueError(f"layers: two are called {layer.name!r}")
        names.add(layer.name)
        if isinstance(layer, Conv | MaxPool):
            _check_at_most(layer.name, "kernel_size", max(layer.kernel_size), MAX_KERNEL)
            _check_at_most(layer.name, "stride", max(layer.stride), MAX_KERNEL)
        if isinstance(layer, Conv):
            _check_at_most(layer.name, "out_channels", layer.out_channels, MAX_WIDTH)
        elif isinstance(layer, Linear):
            _check_at_most(layer.name, "out_features", layer.out_features, MAX_WIDTH)


def _check_kinds(layer: Layer) -> None:
    """Check the settings that the layers take as they come: texts, truth values, real numbers."""
    kinds: dict[str, type] = {"name": str, "relu": bool, "ceil_mode": bool}
    kinds["divide_alpha_by_size"] = bool
    for setting, kind in kinds.items():
        value = getattr(layer, setting, None)
        if hasattr(layer, setting) and not isinstance(value, kind):
            raise TypeError(f"{layer.name!r}: {setting}: need a {kind.__name__}, got {value!r}")
    if isinstance(layer, LRN):
        for setting in ("alpha", "beta", "k"):
            if not isfinite(as_real(getattr(layer, setting), f"{layer.name}: {setting}")):
                raise ValueError(f"{layer.name}: {setting}: need a finite number")


def check_sizes(steps: Sequence[LayerShapes]) -> None:
    """Check what the layers come to at the network's own input size.

    Raises
    ------
    ValueError
        It is more than any AlexNet needs, by far.
    """
    for step in steps:
        _check_at_most(step.layer.name, "values", prod(step.output_shape), MAX_FLOATS)
    parameters = sum(step.parameter_count for step in steps)
    _check_at_most("the network", "parameters", parameters, MAX_PARAMETERS)
    macs = sum(step.macs for step in steps)
    _check_at_most("the network", "multiply-accumulates", macs, MAX_MACS)


def _check_at_most(what: str, quantity: str, value: int, most: int) -> None:
    if value > most:
        raise ValueError(f"{what}: {quantity}: need at most {most}, got {value}")
