"""HDF5 files as Keras and Caffe write them, where h5py is there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from synthesis.programs.tensorflow_order import to_tensorflow

try:
    import h5py
except ImportError:  # the encodings are then left out
    h5py = None

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from alexnet_cy.network.variants import Variant

Tensors = dict[str, np.ndarray]
# Out of the order of the alphabet, as people name layers.
_KERAS = dict(
    zip(
        [*(f"conv{i}" for i in range(1, 6)), "fc6", "fc7", "fc8"],
        ["stem", "b2", "a3", "conv", "d5", "dense_1", "dense", "predictions"],
        strict=True,
    )
)


def as_keras(archive: Any, variant: Variant, tensors: Tensors, **options: Any) -> None:
    layers = to_tensorflow(variant, tensors, flat_fc6=True)
    root = archive.create_group("model_weights")
    root.attrs["layer_names"] = [_KERAS[name].encode() for name in layers]
    for name, arrays in layers.items():
        group = root.create_group(f"{_KERAS[name]}/{_KERAS[name]}")
        group.create_dataset("kernel:0", data=np.ascontiguousarray(arrays["weights"]), **options)
        group.create_dataset("bias:0", data=arrays["biases"])
    archive.create_dataset("optimizer_weights/m", data=np.zeros(3))


def as_keras3(archive: Any, variant: Variant, tensors: Tensors) -> None:
    numbers = {"conv": 0, "fc": 0}
    for name, arrays in to_tensorflow(variant, tensors, flat_fc6=True).items():
        kind = name[:-1]
        path = {"conv": "conv2d", "fc": "dense"}[kind]
        path += f"_{numbers[kind]}" if numbers[kind] else ""
        numbers[kind] += 1
        archive[f"layers/{path}/vars/0"] = np.ascontiguousarray(arrays["weights"])
        archive[f"layers/{path}/vars/1"] = arrays["biases"]


def as_caffe(archive: Any, variant: Variant, tensors: Tensors) -> None:
    for name, values in tensors.items():
        layer, _, kind = name.partition(".")
        archive[f"data/{layer}/{int(kind == 'bias')}"] = values


def as_heuritech(archive: Any, variant: Variant, tensors: Tensors) -> None:
    """Write kernels as Theano turns them, and the groups of a layer as two layers."""
    layers: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for number in range(1, 9):
        name = f"conv{number}" if number < 6 else f"fc{number}"
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        if number > 5:
            layers[f"dense_{number - 5}"] = np.einsum("oi->io", weight), bias
            continue
        turned = np.rot90(weight, 2, (2, 3))
        if number in (1, 3):
            layers[f"conv_{number}"] = turned, bias
        else:
            for half, (w, b) in enumerate(zip(np.split(turned, 2), np.split(bias, 2), strict=True)):
                layers[f"conv_{number}_{half + 1}"] = w, b
    archive.attrs["layer_names"] = [name.encode() for name in ("input_1", *layers, "softmax")]
    archive.create_group("input_1")
    for name, (weight, bias) in layers.items():
        archive[f"{name}/{name}_W"] = np.ascontiguousarray(weight)
        archive[f"{name}/{name}_b"] = bias


def _write(
    arrange: Callable[[Any, Variant, Tensors], None],
    directory: Path,
    variant: Variant,
    tensors: Tensors,
) -> Path:
    path = directory / "network.h5"
    with h5py.File(path, "w") as archive:
        arrange(archive, variant, tensors)
    return path


SEEDS = (
    {}
    if h5py is None
    else {
        "hdf5-keras": partial(_write, as_keras),
        "hdf5-keras-gzip": partial(
            _write, partial(as_keras, chunks=True, compression="gzip", shuffle=True)
        ),
        "hdf5-keras3": partial(_write, as_keras3),
        "hdf5-caffe": partial(_write, as_caffe),
        "hdf5-heuritech": partial(_write, as_heuritech),
    }
)
VARIANTS = {
    name: ("heuritech",) if name == "hdf5-heuritech" else ("torchvision", "caffe") for name in SEEDS
}
