"""Write ONNX models that ONNX Runtime runs and this package reads.

Opset 13 has every op that an AlexNet needs with the meaning that is needed (MaxPool's ceil_mode
came with 10), and IR version 7 is the one that goes with it, so that old programs read the file
too. The library writes everything but the arrays, which are copied into the file one at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights.onnx.messages import ATTRIBUTE_TYPES, ONNX
from alexnet_cy.weights.protobuf.wire import encode_key, encode_varint
from alexnet_cy.weights.writing import checked_tensors, file_metadata

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from alexnet_cy.network.specs import Layer
    from alexnet_cy.network.variants import Variant

__all__ = ["write"]

IR_VERSION = 7
OPSET_VERSION = 13

# Field numbers in onnx_messages: ModelProto.graph, GraphProto.initializer, TensorProto.raw_data.
_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9
_FLOAT = 1  # TensorProto.DataType

_INPUT = "data"

_Attribute: TypeAlias = "int | float | tuple[int, ...]"


def write(
    path: str | os.PathLike[str],
    variant: str | Variant,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network as float32; a `writing.Writer`.

    The model takes any number of images of the variant's input size, as "data" (N, 3, H, W), and
    returns "prob" (N, classes). Every value inside has the name of its layer; ``conv1_pre`` is
    conv1 before its ReLU.
    """
    network = get_variant(variant)
    arrays = checked_tensors(tensors, network)
    model = ONNX.message_class("ModelProto")(ir_version=IR_VERSION, producer_name="alexnet_cy")
    model.opset_import.add(domain="", version=OPSET_VERSION)
    for key, value in file_metadata(network, metadata).items():
        model.metadata_props.add(key=key, value=value)
    graph_start = ONNX.message_class("GraphProto")(name=network.title)
    graph_start.node.extend(_nodes(network, arrays))
    parts = [graph_start.SerializeToString()]
    for name, array in {**_norm_constants(network), **arrays}.items():
        tensor = _tensor_start(name, array)
        length = len(tensor) + array.nbytes
        parts += [encode_key(_INITIALIZER) + encode_varint(length) + tensor, array.data.cast("B")]
    parts.append(_values(network, arrays).SerializeToString())
    with replace_file(path) as temporary, open(temporary, "wb") as stream:
        stream.write(model.SerializeToString())
        stream.write(encode_key(_GRAPH) + encode_varint(sum(map(len, parts))))
        stream.writelines(parts)


def _nodes(variant: Variant, arrays: Mapping[str, NDArray[np.float32]]) -> Iterator[Any]:
    """Yield the nodes in order; each value is called after the layer that makes it."""
    value = _INPUT
    flat = False
    for step in variant.shapes():
        layer = step.layer
        if isinstance(layer, AdaptiveAvgPool) and step.input_shape == step.output_shape:
            continue
        if isinstance(layer, LRN) and layer.within_channel:
            yield from _norm_within_channel(layer, value)
            value = layer.name
            continue
        op, attributes = _operation(layer, arrays)
        if isinstance(layer, Linear) and not flat:
            yield _node("Flatten", [value], "flat", {"axis": 1})
            value, flat = "flat", True
        inputs, output = [value], layer.name
        if isinstance(layer, Conv | Linear):
            inputs += [f"{layer.name}.weight", f"{layer.name}.bias"]
            output = f"{layer.name}_pre" if layer.relu else layer.name
        yield _node(op, inputs, output, attributes)
        if output != layer.name:
            yield _node("Relu", [output], layer.name, {})
        value = layer.name


def _norm_constants(variant: Variant) -> dict[str, NDArray[np.float32]]:
    """Return the numbers of normalisations within channels, by the names that their nodes take."""
    return {
        f"{layer.name}.{setting}": np.array([value], np.float32)
        for layer in variant.layers
        if isinstance(layer, LRN) and layer.within_channel
        for setting, value in (("alpha", layer.ops_alpha), ("beta", layer.beta), ("k", layer.k))
    }


def _norm_within_channel(layer: LRN, value: str) -> Iterator[Any]:
    """Yield y = x / (k + alpha * mean of x^2 over the window) ^ beta: there is no op for it."""
    name, half = layer.name, layer.size // 2
    window: dict[str, _Attribute] = {
        "count_include_pad": 1,
        "kernel_shape": (layer.size, layer.size),
        "pads": (half,) * 4,
        "strides": (1, 1),
    }
    yield _node("Mul", [value, value], f"{name}_squares", {})
    yield _node("AveragePool", [f"{name}_squares"], f"{name}_mean", window)
    yield _node("Mul", [f"{name}_mean", f"{name}.alpha"], f"{name}_scaled", {})
    yield _node("Add", [f"{name}_scaled", f"{name}.k"], f"{name}_sum", {})
    yield _node("Pow", [f"{name}_sum", f"{name}.beta"], f"{name}_power", {})
    yield _node("Div", [value, f"{name}_power"], name, {})


def _operation(
    layer: Layer, arrays: Mapping[str, NDArray[np.float32]]
) -> tuple[str, dict[str, _Attribute]]:
    """Return the op of a layer and its attributes."""
    match layer:
        case Conv():
            return "Conv", {
                "group": layer.groups,
                "kernel_shape": arrays[f"{layer.name}.weight"].shape[2:],
                "pads": _pads(layer),
                "strides": layer.stride,
            }
        case LRN():  # ONNX divides alpha by size
            return "LRN", {
                "alpha": layer.ops_alpha,
                "beta": layer.beta,
                "bias": layer.k,
                "size": layer.size,
            }
        case MaxPool():
            return "MaxPool", {
                "ceil_mode": int(layer.ceil_mode),
                "kernel_shape": layer.kernel_size,
                "pads": _pads(layer),
                "strides": layer.stride,
            }
        case AdaptiveAvgPool():
            if layer.output_size != (1, 1):
                raise WeightsError(
                    f"{layer.name}: an average to {layer.output_size} has no op of ONNX"
                )
            return "GlobalAveragePool", {}
        case Linear():
            return "Gemm", {"transB": 1}
        case Softmax():
            return "Softmax", {"axis": 1}


def _pads(layer: Conv | MaxPool) -> tuple[int, int, int, int]:
    """Return the padding as ONNX orders it: the beginnings of the axes, then their ends."""
    (top, bottom), (left, right) = layer.padding
    return top, left, bottom, right


def _node(op: str, inputs: list[str], output: str, attributes: Mapping[str, _Attribute]) -> Any:
    node = ONNX.message_class("NodeProto")(op_type=op, name=output, input=inputs, output=[output])
    for name, value in attributes.items():
        field = "i" if isinstance(value, int) else "f" if isinstance(value, float) else "ints"
        node.attribute.add(name=name, type=ATTRIBUTE_TYPES[field], **{field: value})
    return node


def _tensor_start(name: str, array: NDArray[np.float32]) -> bytes:
    """Return the fields of a tensor up to its numbers, which come last."""
    tensor = ONNX.message_class("TensorProto")(dims=array.shape, data_type=_FLOAT, name=name)
    return bytes(tensor.SerializeToString()) + encode_key(_RAW_DATA) + encode_varint(array.nbytes)


def _values(variant: Variant, arrays: Mapping[str, NDArray[np.float32]]) -> Any:
    """Describe what the graph takes and what it returns."""
    graph = ONNX.message_class("GraphProto")()
    *_, last = arrays.values()
    size = variant.input_size
    images = (variant.in_channels, size, size)
    result = variant.shapes()[-1].output_shape
    if len(result) == 1:
        result = last.shape  # the tensors say how many classes there are
    for value, name, axes in (
        (graph.input.add(), _INPUT, images),
        (graph.output.add(), variant.layers[-1].name, result),
    ):
        value.name = name
        value.type.tensor_type.elem_type = _FLOAT
        value.type.tensor_type.shape.dim.add(dim_param="N")
        for axis in axes:
            value.type.tensor_type.shape.dim.add(dim_value=axis)
    return graph
