"""Read ``.caffemodel`` files: BVLC AlexNet, CaffeNet, and what was fine-tuned from them.

A ``.caffemodel`` is one protobuf message, a NetParameter, with the layers of the network in it: the
weights, and also what feeds what and with which settings. So the file itself tells AlexNet from
CaffeNet (see `caffe_variant`), and which layer is which whatever they are called (`caffe_roles`).

The message is read without its arrays (`wire`), these only when a tensor is asked for. On a file
of 244 MB that takes 3 ms; reading all tensors then takes as long as reading the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe.blobs import parameter_ref
from alexnet_cy.weights.caffe.layers import LayerGraph, list_layers
from alexnet_cy.weights.caffe.messages import CAFFE
from alexnet_cy.weights.caffe.roles import assign_roles
from alexnet_cy.weights.caffe.settings import file_settings
from alexnet_cy.weights.caffe.variant import choose_variant
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.protobuf.wire import read_message

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from alexnet_cy.weights.caffe.layers import CaffeLayer
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["read"]

_PARAMETER_AXES = {"Convolution": 4, "InnerProduct": 2}


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of a ``.caffemodel``.

    Parameters
    ----------
    path : path-like
        The file, or a `WeightsFile`.

    Returns
    -------
    NetworkFile
        Its variant is what the order of the layers and their settings show, None if the file has
        neither. Its metadata are the ``name`` of the network, the ``encoding`` of its layers
        ("layers", until 2014, or "layer"), and what the file calls each layer that has another
        name here (``layer.fc8``).

    Raises
    ------
    WeightsError
        The file is no protobuf message, no Caffe network, or no AlexNet; a layer has other
        settings than it has in any AlexNet known here, not exactly a weight and a bias, or arrays
        that contradict their shapes. Which tensors are missing, and whether the shapes are those of
        the variant, is left to whoever asked.
    """
    file = open_file(path)
    net = read_message(file, CAFFE, "NetParameter")
    layers = list_layers(net, file.path)
    graph = LayerGraph(layers)
    roles = assign_roles(layers, graph, file.path)
    tensors: dict[str, TensorRef] = {}
    for role, layer in roles.parameters.items():
        tensors.update(_parameters(file, role, layer))
    variant = choose_variant(roles, _groups(tensors), layers, graph, file.path)
    metadata = {"name": net.name, "encoding": "layers" if net.layers else "layer"}
    for role, layer in roles.parameters.items():
        if layer.name != role:
            metadata[f"layer.{role}"] = layer.name
    return NetworkFile("caffemodel", tensors, variant, metadata)


def _parameters(file: WeightsFile, role: str, layer: CaffeLayer) -> dict[str, TensorRef]:
    """Describe the weight and the bias of a layer."""
    where = f"{file.path!r}: {layer.label}"
    blobs = layer.message.blobs
    if len(blobs) != 2:
        raise WeightsError(f"{where}: {len(blobs)} arrays; a weight and a bias are needed")
    settings = layer.settings("inner_product_param")
    weight = parameter_ref(
        file,
        blobs[0],
        f"{where}: weight",
        axes=_PARAMETER_AXES[layer.type],
        transposed=settings is not None and settings.transpose,
    )
    bias = parameter_ref(file, blobs[1], f"{where}: bias", axes=1)
    _check_sizes(layer, weight.shape, file.path)
    return {f"{role}.weight": weight, f"{role}.bias": bias}


def _check_sizes(layer: CaffeLayer, shape: tuple[int, ...], path: str) -> None:
    """Compare the sizes that a layer states with those of its weight."""
    stated = file_settings(layer, path)
    shown: Mapping[str, Any] = {"num_output": shape[0], "kernel_size": shape[2:]}
    for name, value in shown.items():
        if name in stated and stated[name] != value:
            raise WeightsError(
                f"{path!r}: {layer.label}: {name} is {stated[name]}, but its weight has shape "
                f"{shape}"
            )


def _groups(tensors: Mapping[str, TensorRef]) -> dict[str, int]:
    """Return the groups of conv2 to conv5, where the shapes of the weights show them."""
    groups = {}
    for i in range(2, 6):
        previous, weight = tensors.get(f"conv{i - 1}.weight"), tensors.get(f"conv{i}.weight")
        if previous and weight and previous.shape[0] % weight.shape[1] == 0:
            groups[f"conv{i}"] = previous.shape[0] // weight.shape[1]
    return groups
