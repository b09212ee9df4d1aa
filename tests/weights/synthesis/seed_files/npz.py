"""Npz files: ours, numpy's with and without compression, and tensorpack's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from synthesis.programs.tensorflow_order import to_tensorflow
from synthesis.seed_files.safetensors import torchvision_names

from alexnet_cy.weights.arrays import npz

if TYPE_CHECKING:
    from pathlib import Path

    from alexnet_cy.network.variants import Variant


def tensorpack_names(layers: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return {"conv1/W": ..., "conv1/b": ...}."""
    endings = {"weights": "W", "biases": "b"}
    return {
        f"{layer}/{endings[kind]}": values
        for layer, arrays in layers.items()
        for kind, values in arrays.items()
    }


def write_ours(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.npz"
    npz.write(path, variant.name, tensors, {"origin": "a test"})
    return path


def write_plain(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.npz"
    np.savez(path, **tensors)
    return path


def write_deflated(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.npz"
    np.savez_compressed(path, **tensors)
    return path


def write_torchvision(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.npz"
    np.savez(path, **torchvision_names(tensors))
    return path


def write_tensorpack(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.npz"
    np.savez_compressed(path, **tensorpack_names(to_tensorflow(variant, tensors, flat_fc6=False)))
    return path


def write_big_endian(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.npz"
    np.savez(path, **{name: values.astype(">f8") for name, values in tensors.items()})
    return path


def write_fortran(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    layers = to_tensorflow(variant, tensors, flat_fc6=True)
    path = directory / "network.npz"
    np.savez(path, **{k: np.asfortranarray(v) for k, v in tensorpack_names(layers).items()})
    return path


def write_unnamed(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.npz"
    np.savez(path, *tensors.values())
    return path


def write_unnamed_keras(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    """Write what ``np.savez(path, *model.get_weights())`` does."""
    layers = to_tensorflow(variant, tensors, flat_fc6=True)
    path = directory / "network.npz"
    np.savez(path, *(np.ascontiguousarray(a) for layer in layers.values() for a in layer.values()))
    return path


def write_slim(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    """Write the variables of a TF-slim checkpoint by name."""
    layers = to_tensorflow(variant, tensors, flat_fc6=False)
    path = directory / "network.npz"
    named = {f"alexnet_v2/{k}/{kind}": v for k, a in layers.items() for kind, v in a.items()}
    np.savez(path, global_step=np.int64(9), **named)
    return path


SEEDS = {
    "npz-unnamed": write_unnamed,
    "npz-unnamed-keras": write_unnamed_keras,
    "npz-slim": write_slim,
    "npz-ours": write_ours,
    "npz-plain": write_plain,
    "npz-deflated": write_deflated,
    "npz-torchvision": write_torchvision,
    "npz-tensorpack": write_tensorpack,
    "npz-big-endian": write_big_endian,
    "npz-fortran": write_fortran,
}
VARIANTS = {"npz-torchvision": ("torchvision",)}
