"""Read ONNX models: those of the model zoo, exports of torch, and our own.

The file is walked without its numbers (`wire`), the graph is followed (`onnx_chain`) and compared
with the known networks (`onnx_match`); it is never run. A model that is none of them is refused, as
its weights would give wrong answers without a word.

The zoo's bvlcalexnet and caffenet declare an input of 224 pixels, not Caffe's 227, and pool with
padding of 1 behind the last pixel. conv1 then gives 54 windows a side, and 54-27-13-6 follow as in
Caffe, whose pools count windows that hang over the border: it is the same network, run on a
slightly smaller image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.contracts.tensors import ArrayTensor, TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.variants import VARIANTS
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.key_names import LAYER_NAMES
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.onnx.chain import follow
from alexnet_cy.weights.onnx.graph import Graph
from alexnet_cy.weights.onnx.match import match
from alexnet_cy.weights.onnx.messages import ONNX
from alexnet_cy.weights.protobuf.wire import read_message

if TYPE_CHECKING:
    import os


__all__ = ["read"]

OPSET_IR_VERSION = 3  # onnx/docs/IR.md: from then on a model must name its opset


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of an ONNX model.

    Parameters
    ----------
    path : path-like
        An ONNX model of any opset, in one file.

    Returns
    -------
    NetworkFile
        `format` is "onnx"; `variant` is the network that the graph computes. `metadata` has
        "opset", "producer" and, if the graph declares it, "input_size" ("224x224"), besides what
        the file notes itself.

    Raises
    ------
    WeightsError
        The file is damaged, keeps its numbers in other files, is quantised, or is none of the known
        networks; the message names node and attribute, expected and got.
    """
    file = open_file(path)
    model = read_message(file, ONNX, "ModelProto")
    if not model.ir_version or not model.graph.node:
        raise WeightsError(f"{file.path!r}: not an ONNX model: it has no version or no nodes")
    if model.ir_version >= OPSET_IR_VERSION and not model.opset_import:
        raise WeightsError(f"{file.path!r}: truncated: the model does not name its opset")
    graph = Graph(file, model.graph)
    steps = follow(graph)
    variant = match(graph, steps, VARIANTS)
    tensors: dict[str, TensorRef] = {}
    learned = [(step.weight, step.bias) for step in steps if step.weight is not None]
    for layer, (weight, bias) in zip(LAYER_NAMES, learned, strict=True):
        no_bias = ArrayTensor(np.zeros(weight.shape[0], np.float32))
        tensors[f"{layer}.weight"] = weight.reference()
        tensors[f"{layer}.bias"] = bias.reference() if bias else no_bias
    return NetworkFile("onnx", tensors, variant, _metadata(model, graph))


def _metadata(model: Any, graph: Graph) -> dict[str, str]:
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if versions:
        metadata["opset"] = str(versions[0])
    producer = f"{model.producer_name} {model.producer_version}".strip()
    if producer:
        metadata["producer"] = producer
    height, width = graph.input_size
    if height and width:
        metadata["input_size"] = f"{height}x{width}"
    return metadata
