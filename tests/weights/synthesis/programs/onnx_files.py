"""Writes ``.onnx`` files as the model zoo, torch and other programs have written them.

A tiny network has all the nodes of a large one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from synthesis.bits import bf16_bytes

from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights.onnx.messages import ONNX
from alexnet_cy.weights.protobuf.wire import encode_varint

if TYPE_CHECKING:
    from pathlib import Path

    from alexnet_cy.network.variants import Variant

# onnx.proto: TensorProto.DataType, AttributeProto.AttributeType
FLOAT, INT64, FLOAT16, DOUBLE, BFLOAT16 = 1, 7, 10, 11, 16
_F, _I, _S, _T, _INTS = 1, 2, 3, 4, 7


@dataclass(frozen=True)
class Encoding:
    """How a file is written; the default is what most programs write today."""

    opset: int = 13
    ir_version: int = 7
    numbers: str = (
        "raw"  # raw, float_data, unpacked, double_data, or *-raw and *-int32 of f16, bf16
    )
    pool: str = "ceil_mode"  # or pads: one more pixel behind the last
    linear: str = "gemm"  # gemm-in-out, transpose, reshape, matmul
    flatten: str = "flatten"  # reshape, reshape-attribute, computed
    constants: bool = False  # weights in Constant nodes, not in initializers
    listed: bool = False  # weights among the inputs, as until IR version 3
    dropout: bool = False
    identities: bool = False
    softmax: bool = True
    average_pool: bool = False  # where the variant has an adaptive one
    input_size: tuple[int | str, int | str] | None = None  # None: the variant's
    zoo_names: bool = False


def write_onnx(
    path: Path, variant: Variant, tensors: dict[str, np.ndarray], encoding: Encoding
) -> Path:
    """Write a network; returns `path`."""
    path.write_bytes(Writer(variant, tensors, encoding).model.SerializeToString())
    return path


class Writer:
    """One file in the making: tests change `model` before they write it."""

    def __init__(
        self, variant: Variant, tensors: dict[str, np.ndarray], encoding: Encoding
    ) -> None:
        self.encoding = encoding
        self.model = ONNX.message_class("ModelProto")(
            ir_version=encoding.ir_version, producer_name="a test", producer_version="1"
        )
        self.model.opset_import.add(domain="", version=encoding.opset)
        self.graph = self.model.graph
        self.graph.name = "a test"
        self._tensors = tensors
        self._flat = False
        own = (variant.input_size,) * 2
        is_full_size = variant.input_size == get_variant(variant.name).input_size
        height, width = (encoding.input_size or own) if is_full_size else own
        if encoding.input_size is not None and isinstance(encoding.input_size[0], str):
            height, width = encoding.input_size
        value = "data_0" if encoding.zoo_names else "data"
        channels = tensors["conv1.weight"].shape[1]
        describe(self.graph.input.add(), value, (1, channels, height, width))
        for layer in variant.layers:
            value = self._layer(layer, value)
        describe(self.graph.output.add(), value, (1, *tensors["fc8.bias"].shape))

    def _layer(self, layer: Any, value: str) -> str:
        encoding = self.encoding
        match layer:
            case Conv():
                parameters = [self._parameter(layer, kind) for kind in ("weight", "bias")]
                value = self.add(
                    "Conv",
                    [value, *parameters],
                    group=layer.groups,
                    kernel_shape=self._tensors[f"{layer.name}.weight"].shape[2:],
                    pads=_pads(layer),
                    strides=layer.stride,
                )
            case LRN():
                settings = {"alpha": layer.ops_alpha, "beta": layer.beta, "bias": layer.k}
                value = self.add("LRN", [value], size=layer.size, **settings)
            case MaxPool():
                pads = {"pads": _pads(layer)}
                if layer.ceil_mode and encoding.pool == "pads":
                    pads = {"pads": (0, 0, 1, 1)}
                elif layer.ceil_mode:
                    pads["ceil_mode"] = 1
                window = {"kernel_shape": layer.kernel_size, "strides": layer.stride}
                value = self.add("MaxPool", [value], **window, **pads)
            case AdaptiveAvgPool():
                if encoding.average_pool:
                    window = {"kernel_shape": (1, 1), "strides": (1, 1)}
                    value = self.add("AveragePool", [value], **window)
            case Linear():
                value = self._linear(layer, value if self._flat else self._flatten(value))
            case Softmax():
                value = self.add("Softmax", [value]) if encoding.softmax else value
        if isinstance(layer, Conv | Linear) and layer.relu:
            value = self.add("Relu", [value])
        if isinstance(layer, Linear) and encoding.dropout and layer.relu:
            value = self.add("Dropout", [value], outputs=2)
        if encoding.identities:
            value = self.add("Identity", [value])
        return value

    def _flatten(self, value: str) -> str:
        self._flat = True
        features = self._tensors["fc6.weight"].shape[1]
        match self.encoding.flatten:
            case "flatten":
                return self.add("Flatten", [value], axis=1)
            case "reshape":
                shape = self.constant("OC2_DUMMY_0", np.array([1, features], np.int64))
                return self.add("Reshape", [value, shape])
            case "reshape-attribute":  # opset 1 to 4
                return self.add("Reshape", [value], shape=(0, -1))
            case "computed":  # x.view(x.size(0), features), exported with a free batch
                zero = self.constant("zero", np.array(0, np.int64))
                rest = self.constant("rest", np.array([features], np.int64))
                axes = self.constant("axes", np.array([0], np.int64))
                images = self.add("Gather", [self.add("Shape", [value]), zero], axis=0)
                images = self.add("Unsqueeze", [images, axes])
                return self.add("Reshape", [value, self.add("Concat", [images, rest], axis=0)])
        raise ValueError(self.encoding.flatten)

    def _linear(self, layer: Linear, value: str) -> str:
        weight, bias = (self._parameter(layer, kind) for kind in ("weight", "bias"))
        match self.encoding.linear:
            case "gemm":
                return self.add("Gemm", [value, weight, bias], transB=1, alpha=1.0, beta=1.0)
            case "gemm-in-out":
                return self.add("Gemm", [value, weight, bias], broadcast=1)
            case "transpose":
                matrix = self.add("Transpose", [weight], perm=(1, 0))
                return self.add("Gemm", [value, matrix, bias])
            case "reshape":
                shape = self.constant(f"{layer.name}_shape", np.array([-1, 0], np.int64))
                return self.add(
                    "Gemm", [value, self.add("Reshape", [weight, shape]), bias], transB=1
                )
            case "matmul":
                return self.add("Add", [bias, self.add("MatMul", [value, weight])])
        raise ValueError(self.encoding.linear)

    def _parameter(self, layer: Conv | Linear, kind: str) -> str:
        """Store a weight or bias as the encoding wants it; returns the name of the value."""
        array = self._tensors[f"{layer.name}.{kind}"]
        linear = self.encoding.linear
        if array.ndim == 2 and linear in ("gemm-in-out", "matmul"):
            array = array.T
        if array.ndim == 2 and linear == "reshape":
            array = array.reshape(len(array), -1, 1, 1) if len(array) > 1 else array
        if kind == "bias" and linear == "matmul" and isinstance(layer, Linear):
            array = array[np.newaxis]
        ending = {"weight": "w", "bias": "b"}[kind]
        zoo_name, torch_name = f"{layer.name}_{ending}_0", f"onnx::{layer.name}_{kind}"
        name = self.constant(zoo_name if self.encoding.zoo_names else torch_name, array)
        return self.add("Identity", [name]) if self.encoding.identities else name

    def add(self, op: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> str:
        """Append a node; returns its first output."""
        names = [f"{op}_{len(self.graph.node)}_{output}" for output in range(outputs)]
        node = self.graph.node.add(op_type=op, input=inputs, output=names)
        for name, value in attributes.items():
            set_attribute(node, name, value)
        return names[0]

    def constant(self, name: str, array: np.ndarray) -> str:
        """Store a tensor; returns the name of the value."""
        data = encode_tensor(name, array, self.encoding.numbers)
        if self.encoding.constants:
            node = self.graph.node.add(op_type="Constant", output=[name])
            node.attribute.add(name="value", type=_T).t.ParseFromString(data)
        else:
            self.graph.initializer.add().ParseFromString(data)
        if self.encoding.listed:
            data_type = INT64 if array.dtype == np.int64 else FLOAT
            describe(self.graph.input.add(), name, array.shape, data_type)
        return name

    def node(self, op: str, number: int = 0) -> Any:
        """Return a node by its op and its place among those of the same op."""
        return [node for node in self.graph.node if node.op_type == op][number]


def describe(value: Any, name: str, shape: tuple[int | str, ...], data_type: int = FLOAT) -> None:
    """Fill a ValueInfoProto."""
    value.name = name
    value.type.tensor_type.elem_type = data_type
    for size in shape:
        dim = value.type.tensor_type.shape.dim.add()
        if isinstance(size, str):
            dim.dim_param = size
        else:
            dim.dim_value = size


def set_attribute(node: Any, name: str, value: Any) -> None:
    """Give a node an attribute, or another value to the one that it has."""
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)
    if isinstance(value, int):
        node.attribute.add(name=name, type=_I, i=value)
    elif isinstance(value, float):
        node.attribute.add(name=name, type=_F, f=value)
    elif isinstance(value, bytes):
        node.attribute.add(name=name, type=_S, s=value)
    else:
        node.attribute.add(name=name, type=_INTS, ints=value)


def encode_tensor(name: str, array: np.ndarray, numbers: str) -> bytes:
    """Return the bytes of a TensorProto."""
    is_integer = array.dtype == np.int64
    values = np.ascontiguousarray(array)
    tensor = ONNX.message_class("TensorProto")(name=name, dims=array.shape)
    match "int64_data" if is_integer and numbers != "raw" else "raw" if is_integer else numbers:
        case "int64_data":
            tensor.data_type = INT64
            tensor.int64_data.extend(values.ravel().tolist())
        case "raw":
            tensor.data_type = INT64 if is_integer else FLOAT
            tensor.raw_data.append(values.astype("<i8" if is_integer else "<f4").tobytes())
        case "float_data":  # in two pieces, as a packed field may come
            tensor.data_type = FLOAT
            half = values.size // 2
            flat = values.astype("<f4").ravel()
            tensor.float_data.extend([flat[:half].tobytes(), flat[half:].tobytes()])
        case "unpacked":
            tensor.data_type = FLOAT
            record = np.zeros(values.size, [("key", "u1"), ("number", "<f4")])
            record["key"] = 4 << 3 | 5
            record["number"] = values.ravel()
            return tensor.SerializeToString() + record.tobytes()
        case "double_data":
            tensor.data_type = DOUBLE
            tensor.double_data.append(values.astype("<f8").tobytes())
        case "f16-raw":
            tensor.data_type = FLOAT16
            tensor.raw_data.append(values.astype("<f2").tobytes())
        case "bf16-raw":
            tensor.data_type = BFLOAT16
            tensor.raw_data.append(bf16_bytes(values))
        case "f16-int32":
            tensor.data_type = FLOAT16
            bits = values.astype(np.float16).view(np.uint16).ravel()
            tensor.int32_data.append(b"".join(encode_varint(int(number)) for number in bits))
        case "bf16-int32":
            tensor.data_type = BFLOAT16
            bits = np.frombuffer(bf16_bytes(values), "<u2")
            tensor.int32_data.append(b"".join(encode_varint(int(number)) for number in bits))
        case other:
            raise ValueError(other)
    return tensor.SerializeToString()


def _pads(layer: Conv | MaxPool) -> tuple[int, int, int, int]:
    (top, bottom), (left, right) = layer.padding
    return top, left, bottom, right
