"""Pickles of NumPy arrays, as flax's users, Paddle and others write them."""

from __future__ import annotations

import pickle
from argparse import Namespace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from synthesis.programs.python2_pickle import python2_dumps
from synthesis.programs.tensorflow_order import to_tensorflow
from synthesis.seed_files.safetensors import torchvision_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from alexnet_cy.network.variants import Variant

Tensors = dict[str, np.ndarray]


def as_flax(variant: Variant, tensors: Tensors) -> object:
    """Nest modules as flax numbers them, with a step counter beside them."""
    modules = {}
    for name, arrays in to_tensorflow(variant, tensors, flat_fc6=True).items():
        path = f"Conv_{int(name[4]) - 1}" if name[:4] == "conv" else f"Dense_{int(name[2]) - 6}"
        kernel = np.ascontiguousarray(arrays["weights"])  # as JAX's arrays become NumPy's
        modules[path] = {"kernel": kernel, "bias": arrays["biases"]}
    return {"params": {"AlexNet_0": modules}, "step": np.array(7), "config": Namespace(width=1)}


def as_state_dict(variant: Variant, tensors: Tensors) -> object:
    return torchvision_names(tensors)


def as_ours(variant: Variant, tensors: Tensors) -> object:
    return {"epoch": 3, **tensors}


def as_paddle(variant: Variant, tensors: Tensors) -> object:
    """Name and transpose layers as PaddleClas does; its inputs of fc6 and fc7 are halved."""
    stored: dict[str, object] = {}
    for name, values in tensors.items():
        layer, _, kind = name.partition(".")
        path = f"_{layer}._conv" if layer in ("conv1", "conv2", "conv5") else f"_{layer}"
        doubled = values * np.float32(2) if name in ("fc6.weight", "fc7.weight") else values
        stored[f"{path}.{kind}"] = np.ascontiguousarray(doubled.T) if values.ndim == 2 else doubled
    stored["StructuredToParameterName@@"] = {name: name for name in list(stored)}
    return stored


def write(
    arrange: Callable[[Variant, Tensors], object],
    dumps: Callable[[object], bytes],
    directory: Path,
    variant: Variant,
    tensors: Tensors,
) -> Path:
    path = directory / "network.pkl"
    path.write_bytes(dumps(arrange(variant, tensors)))
    return path


_protocol = {number: partial(pickle.dumps, protocol=number) for number in range(2, 6)}

SEEDS = {
    "pickle-flax": partial(write, as_flax, _protocol[3]),
    "pickle-flax-protocol5": partial(write, as_flax, _protocol[5]),
    "pickle-state-dict": partial(write, as_state_dict, _protocol[4]),
    "pickle-ours-protocol2": partial(write, as_ours, _protocol[2]),
    "pickle-python2": partial(write, as_state_dict, python2_dumps),
    "pickle-paddle": partial(write, as_paddle, _protocol[4]),
}
VARIANTS = {
    name: ("torchvision",) for name in SEEDS if name not in ("pickle-ours-protocol2", "pickle-flax")
}
