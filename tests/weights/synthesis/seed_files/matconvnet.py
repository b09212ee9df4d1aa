"""MatConvNet's ``.mat`` as its importer of Caffe's networks writes it, where scipy is there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.network.specs import LRN, Conv, Linear, MaxPool, Softmax

try:
    from scipy.io import savemat
except ImportError:  # the encodings are then left out
    savemat = None

if TYPE_CHECKING:
    from pathlib import Path

    from alexnet_cy.network.variants import Variant

Tensors = dict[str, np.ndarray]
MEAN = (123.0, 117.0, 104.0)  # red, green, blue


def row(*values: float) -> np.ndarray:
    return np.array([values], np.float64)


def cells(*values: Any) -> np.ndarray:
    array = np.empty((1, len(values)), object)
    for place, value in enumerate(values):
        array[0, place] = value
    return array


def conv(name: str, weight: np.ndarray, bias: np.ndarray, layer: Conv | None, *, old: bool) -> Any:
    filters = np.einsum("oihw->hwio", weight)
    (top, bottom), (left, right) = ((0, 0), (0, 0)) if layer is None else layer.padding
    struct = {
        "type": "conv",
        "name": name,
        "pad": row(top, bottom, left, right),
        "stride": row(*((1, 1) if layer is None else layer.stride)),
    }
    if old:
        return struct | {"filters": filters, "biases": bias[None]}
    return struct | {"weights": cells(filters, bias[None])}


def layers_of(variant: Variant, tensors: Tensors, *, old: bool = False) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    for step in variant.shapes():
        layer = step.layer
        if isinstance(layer, Conv | Linear):
            weight, bias = (tensors[f"{layer.name}.{kind}"] for kind in ("weight", "bias"))
            if isinstance(layer, Linear):
                image = (*step.input_shape, 1, 1)[:3]
                weight = weight.reshape(len(weight), *image)
            setting = layer if isinstance(layer, Conv) else None
            layers.append(conv(layer.name, weight, bias, setting, old=old))
            if layer.relu:
                layers.append({"type": "relu", "name": f"relu{layer.name[-1]}"})
        elif isinstance(layer, LRN):
            alpha = layer.alpha / layer.size if layer.divide_alpha_by_size else layer.alpha
            kind = "normalize" if old else "lrn"
            param = row(layer.size, layer.k, alpha, layer.beta)
            layers.append({"type": kind, "name": layer.name, "param": param})
        elif isinstance(layer, MaxPool):
            layers.append(
                {
                    "type": "pool",
                    "name": layer.name,
                    "method": "max",
                    "pool": row(*layer.kernel_size),
                    "stride": row(*layer.stride),
                    "pad": row(*((0, 1, 0, 1) if layer.ceil_mode else (0, 0, 0, 0))),
                }
            )
        elif isinstance(layer, Softmax):
            layers.append({"type": "softmax", "name": layer.name})
    return layers


def variables(variant: Variant, layers: list[dict[str, Any]], *, old: bool = False) -> Any:
    normalization = {
        "imageSize": row(variant.input_size, variant.input_size, variant.in_channels),
        "averageImage": np.broadcast_to(np.float32(MEAN), (2, 2, 3)),
    }
    names = cells(*(f"class {i}" for i in range(variant.num_classes or 0)))
    meta = {"normalization": normalization, "classes": {"description": names}}
    stored = {"layers": cells(*layers)}
    return stored | (meta if old else {"meta": meta, "other": np.zeros(3)})


def _write(
    directory: Path, variant: Variant, tensors: Tensors, *, old: bool = False, **options: Any
) -> Path:
    path = directory / "network.mat"
    named = variables(variant, layers_of(variant, tensors, old=old), old=old)
    named = {"net": named} if options.pop("whole", False) else named
    savemat(path, named, **options)
    return path


SEEDS = (
    {}
    if savemat is None
    else {
        "matconvnet-simplenn": _write,
        "matconvnet-zlib": partial(_write, do_compression=True),
        "matconvnet-2014": partial(_write, old=True),
        "matconvnet-net": partial(_write, whole=True),
    }
)
VARIANTS = {name: ("caffe", "caffenet", "ungrouped") for name in SEEDS}
