"""The AlexNet of convnets-keras (heuritech), an HDF5 file that Keras 1 wrote on Theano.

It is told by the names of its layers, and its settings are those of the program
(heuritech/convnets-keras, convnetskeras/convnets.py and customlayers.py): CaffeNet's order, pooling
before normalisation, with the paper's k = 2 and an alpha that is not divided by the size. Layers in
two groups are two layers, ``conv_2_1`` and ``conv_2_2``. Kernels are (O, I, H, W) and flipped, as
Theano computes a true convolution; fully connected layers are (in, out). Images are RGB from 0 to
255, less a mean.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import LRN, Conv, Linear, MaxPool, Softmax
from alexnet_cy.weights.arrays.stored_arrays import as_tensor
from alexnet_cy.weights.graphs.build import build
from alexnet_cy.weights.graphs.derived import joined
from alexnet_cy.weights.graphs.steps import Flatten, Relu, Step, Weighted
from alexnet_cy.weights.layouts import as_stored, in_out
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.trained_on import MEAN_KEY, PRESET_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.arrays.stored_arrays import StoredArray

__all__ = ["heuritech_network"]

_CONVOLUTIONS = (
    ("conv_1",),
    ("conv_2_1", "conv_2_2"),
    ("conv_3",),
    ("conv_4_1", "conv_4_2"),
    ("conv_5_1", "conv_5_2"),
)
_LINEAR = ("dense_1", "dense_2", "dense_3")
_NORMALISED, _POOLED = (0, 1), (0, 1, 4)
_MEAN = (123.68, 116.779, 103.939)  # convnets.py, preprocess_image_batch; red, green, blue


def heuritech_network(path: str, arrays: Mapping[str, StoredArray]) -> NetworkFile | None:
    """Return the network, if the arrays of an HDF5 file are those of convnets-keras.

    Parameters
    ----------
    path : str
        What errors call the file.
    arrays : mapping of str to StoredArray
        By their paths in the file, such as ``conv_1/conv_1_W``.

    Returns
    -------
    NetworkFile or None
        None if these are other arrays.

    Raises
    ------
    WeightsError
        The arrays make no network.
    """
    by_name = {name.rpartition("/")[2]: array for name, array in arrays.items()}
    layers = [layer for group in _CONVOLUTIONS for layer in group] + list(_LINEAR)
    wanted = {f"{layer}_{kind}" for layer in layers for kind in "Wb"}
    if len(by_name) != len(arrays) or by_name.keys() != wanted or not _is_theanos(by_name):
        return None
    steps: list[Step] = []
    for place, parts in enumerate(_CONVOLUTIONS):
        steps += [_convolution(path, place, parts, by_name), Relu(parts[0])]
        if place in _POOLED:
            steps.append(MaxPool("pool", ceil_mode=False))
        if place in _NORMALISED:
            steps.append(LRN("norm", k=2.0, divide_alpha_by_size=False))
    steps.append(Flatten())
    for layer in _LINEAR:
        weight, bias = by_name[f"{layer}_W"], by_name[f"{layer}_b"]
        if len(weight.shape) != 2 or bias.shape != weight.shape[1:]:
            raise WeightsError(f"{path!r}: {layer}: shapes {weight.shape} and {bias.shape}")
        spec = Linear(layer, weight.shape[1], relu=False)
        tensor = as_tensor(weight, weight.shape[::-1], in_out)
        steps.append(Weighted(layer, spec, tensor, as_tensor(bias, bias.shape, as_stored)))
        steps.append(Softmax("prob") if layer == _LINEAR[-1] else Relu(layer))
    built = build(path, steps)
    metadata = {PRESET_KEY: "caffe-rgb", MEAN_KEY: json.dumps(_MEAN)}
    return NetworkFile("hdf5", built.tensors, built.network.name, metadata, built.network)


def _is_theanos(by_name: Mapping[str, StoredArray]) -> bool:
    """Tell whether kernels are (O, I, H, W): a half of conv_2 takes a half of what conv_1 gives."""
    first, second = by_name["conv_1_W"].shape, by_name["conv_2_1_W"].shape
    return len(first) == len(second) == 4 and first[0] == 2 * second[1]


def _convolution(
    path: str, place: int, parts: tuple[str, ...], by_name: Mapping[str, StoredArray]
) -> Weighted:
    """Describe a convolution whose groups are layers of their own."""
    weights: list[TensorRef] = []
    biases: list[TensorRef] = []
    for part in parts:
        weight, bias = by_name[f"{part}_W"], by_name[f"{part}_b"]
        same = by_name[f"{parts[0]}_W"].shape
        if len(weight.shape) != 4 or weight.shape != same or bias.shape != weight.shape[:1]:
            raise WeightsError(f"{path!r}: {part}: shapes {weight.shape} and {bias.shape}")
        weights.append(as_tensor(weight, weight.shape, _flipped))
        biases.append(as_tensor(bias, bias.shape, as_stored))
    out_channels, _, height, width = same
    down, across = (0, 0) if place == 0 else (height // 2, width // 2)
    spec = Conv(
        parts[0],
        out_channels * len(parts),
        (height, width),
        (4, 4) if place == 0 else (1, 1),
        ((down, down), (across, across)),
        len(parts),
        relu=False,
    )
    return Weighted(parts[0], spec, joined(weights), joined(biases))


def _flipped(array: NDArray[Any]) -> NDArray[Any]:
    """View a kernel upside down and mirrored: f[o, i, y, x] = w[o, i, H - 1 - y, W - 1 - x]."""
    return array[:, :, ::-1, ::-1]
