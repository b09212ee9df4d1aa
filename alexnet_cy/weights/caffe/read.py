"""Read ``.caffemodel`` files: BVLC AlexNet, CaffeNet, and what was fine-tuned from them.

A ``.caffemodel`` is one protobuf message, a NetParameter, with the layers of the network in it: the
weights, and also what feeds what and with which settings. So the file itself tells AlexNet from
CaffeNet, and which layer is which whatever they are called (`roles`).

The message is read without its arrays (`wire`), these only when a tensor is asked for. On a file
of 244 MB that takes 3 ms; reading all tensors then takes as long as reading the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.weights.caffe.layers import LayerGraph, list_layers
from alexnet_cy.weights.caffe.messages import CAFFE
from alexnet_cy.weights.caffe.roles import ROLES, check_names, check_order, path_to_the_end
from alexnet_cy.weights.caffe.steps import as_step
from alexnet_cy.weights.caffe.unconnected import by_name, told_variant
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.graphs.build import build
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.protobuf.wire import read_message

if TYPE_CHECKING:
    import os

__all__ = ["read"]


def read(path: str | os.PathLike[str], head: str | None = None) -> NetworkFile:
    """Read the structure of a ``.caffemodel``.

    Parameters
    ----------
    path : path-like
        The file, or a `WeightsFile`.
    head : str, optional
        The layer to end with, by its name in the file, for a network with several ends.

    Returns
    -------
    NetworkFile
        Its network is what runs, in order and with all settings; None if the file does not connect
        its layers or states no settings. Its metadata are the ``name`` of the network, the
        ``encoding`` of its layers ("layers", until 2014, or "layer"), and what the file calls each
        layer that has another name here (``layer.fc8``).

    Raises
    ------
    WeightsError
        The file is no protobuf message, no Caffe network, or no AlexNet; a layer is of a type or
        has a setting that is not computed here, or has arrays that contradict their shapes.
    """
    file = open_file(path)
    net = read_message(file, CAFFE, "NetParameter")
    layers = list_layers(net, file.path)
    graph = LayerGraph(layers)
    check_names(layers, file.path)
    metadata = {"name": net.name, "encoding": "layers" if net.layers else "layer"}
    steps = path_to_the_end(layers, graph, file.path, head)
    variant: str | None
    if steps:
        built = build(file.path, [as_step(file, layer) for layer in steps])
        names = dict.fromkeys(name.partition(".")[0] for name in built.tensors)
        weighted = (layer for layer in steps if layer.type in ROLES.values())
        roles = dict(zip(names, weighted, strict=True))
        check_order(roles, file.path)
        tensors, variant, network = built.tensors, built.network.name, built.network
        metadata |= built.metadata
    else:
        roles, tensors = by_name(file, layers)
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        variant, network = told_variant(layers, shapes), None
    metadata |= {f"layer.{role}": x.name for role, x in roles.items() if x.name != role}
    return NetworkFile("caffemodel", tensors, variant, metadata, network)
