"""Modules of a state dict: what stands under one path, such as ``features.0``, and of what kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["KINDS", "TENSORFLOW_KINDS", "Module", "in_natural_order", "modules_of", "split_name"]

# The endings that occur: ours and PyTorch's; tensorpack's and loadcaffe's; TensorFlow's and
# caffe-tensorflow's; flax's and Keras's; Caffe's own, the number of the blob in its layer; what
# torch.nn.utils.prune and weight_norm make of a weight; batch normalisation's, torch's
# and TensorFlow's.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "weight": "weight",
        "bias": "bias",
        "W": "weight",
        "b": "bias",
        "weights": "weight",
        "biases": "bias",
        "kernel": "weight",
        "0": "weight",
        "1": "bias",
        "weight_orig": "weight_orig",
        "weight_mask": "weight_mask",
        "bias_orig": "bias_orig",
        "bias_mask": "bias_mask",
        "weight_g": "weight_g",
        "weight_v": "weight_v",
        "running_mean": "running_mean",
        "running_var": "running_var",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
)
"""The canonical kind of each ending."""

TENSORFLOW_KINDS = frozenset({"W", "weights", "kernel"})
"""Files with these endings come from TensorFlow, Keras or JAX and keep their order of axes, HWIO
and (in, out)."""

# torch.nn.utils.parametrizations.weight_norm, which took the place of torch.nn.utils.weight_norm.
_PARAMETRISED = MappingProxyType(
    {
        "parametrizations.weight.original0": "weight_g",
        "parametrizations.weight.original1": "weight_v",
    }
)
_WEIGHTS = ("weight", "weight_orig", "weight_v")


class Module(NamedTuple):
    """The tensors under one path.

    Attributes
    ----------
    path : str
        As `split_name` gives it.
    names : mapping of str to str
        The name in the file of each kind of tensor.
    shape : tuple of int
        Of the weight; ``()`` if there is none.
    channels : int
        Of the running mean of a batch normalisation; 0 if it is none.
    """

    path: str
    names: Mapping[str, str]
    shape: tuple[int, ...]
    channels: int


def split_name(name: str) -> tuple[str, str]:
    """Split a stored name into its layer, without ``module.``, and its ending.

    ``features.module.0.weight`` gives ("features.0", "weight"), ``conv1/W`` gives ("conv1", "W"),
    ``conv1_W`` too, and a name without a separator (name, "").
    """
    path = name.replace("/", ".")
    for ending, kind in _PARAMETRISED.items():
        if path.endswith("." + ending):
            path = f"{path.removesuffix(ending)}{kind}"
    parts = path.split(".")
    if len(parts) > 1:
        layer = [part for part in parts[:-1] if part != "module"]
        return ".".join(layer), parts[-1]
    layer_name, _, ending = name.rpartition("_")
    if layer_name and ending in KINDS and not ending.isdigit():
        return layer_name.replace("features_", "features.").replace(
            "classifier_", "classifier."
        ), ending
    return name, ""


def modules_of(stored: Mapping[str, tuple[int, ...]]) -> list[Module] | None:
    """Gather the tensors of a file under their paths, in the order in which the paths first come.

    Parameters
    ----------
    stored : mapping of str to tuple of int
        The shape of each tensor.

    Returns
    -------
    list of Module, or None
        None if an ending is of no kind that is known, or two names mean the same tensor.
    """
    gathered: dict[str, dict[str, str]] = {}
    for name in stored:
        layer, ending = split_name(name)
        kind = KINDS.get(ending)
        names = gathered.setdefault(layer, {})
        if kind is None or kind in names:
            return None
        names[kind] = name
    return [_module(path, names, stored) for path, names in gathered.items()]


def in_natural_order(modules: list[Module]) -> list[Module]:
    """Sort modules by their paths, with the numbers in these as numbers: 8 before 10."""
    return sorted(modules, key=lambda module: _natural_key(module.path))


def _natural_key(path: str) -> list[tuple[int, str]]:
    pieces = re.split(r"(\d+)", path)
    return [(int(piece[:18]), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


def _module(path: str, names: Mapping[str, str], stored: Mapping[str, tuple[int, ...]]) -> Module:
    weight = next((names[kind] for kind in _WEIGHTS if kind in names), None)
    mean = stored[names["running_mean"]] if "running_mean" in names else ()
    shape = () if weight is None else stored[weight]
    if weight is not None and split_name(weight)[1] in TENSORFLOW_KINDS:
        shape = _canonical_shape(shape)
    return Module(path, names, shape, mean[0] if len(mean) == 1 else 0)


def _canonical_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return (O, I, H, W) of (H, W, I, O), and (out, in) of (in, out)."""
    if len(shape) == 4:
        height, width, in_channels, out_channels = shape
        return out_channels, in_channels, height, width
    return shape[::-1]
