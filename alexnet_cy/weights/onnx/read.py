"""Read ONNX models: those of the model zoo, exports of torch, and our own.

The file is walked without its numbers (`wire`), the graph is followed (`chain`) and becomes a list
of layers with all their settings (`weights.graphs.build`); it is never run.

The zoo's bvlcalexnet and caffenet declare an input of 224 pixels, not Caffe's 227, and pool with
padding of 1 behind the last pixel, in one or in all of their pools. conv1 gives 54 windows a side.
In all: 54-27-13-6, as in Caffe, whose pools count windows that hang over the border; the same
network, run on a slightly smaller image. In the last: 54-26-12-6, another network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.graphs.build import build
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.onnx.chain import follow
from alexnet_cy.weights.onnx.graph import Graph
from alexnet_cy.weights.onnx.messages import ONNX
from alexnet_cy.weights.protobuf.wire import read_message
from alexnet_cy.weights.writing import NETWORK_KEY

if TYPE_CHECKING:
    import os

    from alexnet_cy.weights.graphs.build import Size

__all__ = ["read"]

OPSET_IR_VERSION = 3  # onnx/docs/IR.md: from then on a model must name its opset


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of an ONNX model.

    Parameters
    ----------
    path : path-like
        An ONNX model of any opset; its numbers may be in files beside it.

    Returns
    -------
    NetworkFile
        `format` is "onnx"; `network` is what the graph computes. `metadata` has
        "opset", "producer" and, if the graph declares it, "input_size" ("224x224"), besides what
        the file notes itself.

    Raises
    ------
    WeightsError
        The file is damaged, is quantised, or computes something that no AlexNet does; the message
        names node and attribute, expected and got.
    """
    file = open_file(path)
    model = read_message(file, ONNX, "ModelProto")
    if not model.ir_version or not model.graph.node:
        raise WeightsError(f"{file.path!r}: not an ONNX model: it has no version or no nodes")
    if model.ir_version >= OPSET_IR_VERSION and not model.opset_import:
        raise WeightsError(f"{file.path!r}: truncated: the model does not name its opset")
    graph = Graph(file, model.graph)
    steps, size = follow(graph)
    built = build(file.path, steps, size)
    metadata = {**_metadata(model, size), **built.metadata}
    metadata.pop(NETWORK_KEY, None)  # the graph says it
    return NetworkFile("onnx", built.tensors, built.network.name, metadata, built.network)


def _metadata(model: Any, size: Size) -> dict[str, str]:
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if versions:
        metadata["opset"] = str(versions[0])
    producer = f"{model.producer_name} {model.producer_version}".strip()
    if producer:
        metadata["producer"] = producer
    height, width = size
    if height and width:
        metadata["input_size"] = f"{height}x{width}"
    return metadata
