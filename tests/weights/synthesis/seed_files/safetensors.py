"""Safetensors files: ours, and what other programs write with other names and number formats."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from safetensors.numpy import save_file
from synthesis.bits import bf16_bytes, to_bf16_and_back, to_f16_and_back

from alexnet_cy.weights import safetensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from alexnet_cy.network.variants import Variant

# torchvision/models/alexnet.py
TORCHVISION = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc6": "classifier.1",
    "fc7": "classifier.4",
    "fc8": "classifier.6",
}


def torchvision_names(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give the tensors the names that torchvision has."""
    parts = {name: name.split(".") for name in tensors}
    return {f"{TORCHVISION[parts[n][0]]}.{parts[n][1]}": v for n, v in tensors.items()}


def data_parallel_names(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give the tensors the names that DataParallel makes of torchvision's."""
    return {f"module.{name}": values for name, values in torchvision_names(tensors).items()}


def features_parallel_names(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give the names of pytorch/examples' imagenet script, which wraps the convolutions only."""
    named = torchvision_names(tensors)
    return {name.replace("features.", "features.module."): values for name, values in named.items()}


def caffe_names(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Number the blobs of each layer, as Caffe does: conv1/0 is the weight."""
    return {
        name.replace(".weight", "/0").replace(".bias", "/1"): values
        for name, values in tensors.items()
    }


def write_ours(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.safetensors"
    safetensors.write(path, variant.name, tensors, {"origin": "a test"})
    return path


def write_named(
    rename: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
    directory: Path,
    variant: Variant,
    tensors: dict[str, np.ndarray],
) -> Path:
    path = directory / "network.safetensors"
    save_file(rename(tensors), path)
    return path


def write_as(dtype: str, directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.safetensors"
    save_file({name: values.astype(dtype) for name, values in tensors.items()}, path)
    return path


def write_bf16(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    header: dict[str, object] = {}
    data = b""
    for name, values in tensors.items():
        end = len(data) + 2 * values.size
        header[name] = {
            "dtype": "BF16",
            "shape": list(values.shape),
            "data_offsets": [len(data), end],
        }
        data += bf16_bytes(values)
    text = json.dumps(header).encode()
    path = directory / "network.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


SEEDS = {
    "safetensors-ours": write_ours,
    "safetensors-f16": partial(write_as, "float16"),
    "safetensors-bf16": write_bf16,
    "safetensors-f64": partial(write_as, "float64"),
    "safetensors-caffe": partial(write_named, caffe_names),
    "safetensors-torchvision": partial(write_named, torchvision_names),
    "safetensors-data-parallel": partial(write_named, data_parallel_names),
    "safetensors-features-parallel": partial(write_named, features_parallel_names),
}
VARIANTS = {
    name: ("torchvision",) for name in SEEDS if name.endswith(("-torchvision", "-parallel"))
}
ROUNDING = {"safetensors-f16": to_f16_and_back, "safetensors-bf16": to_bf16_and_back}
