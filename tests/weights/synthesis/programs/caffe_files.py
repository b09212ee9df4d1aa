"""Writes ``.caffemodel`` files in all the ways in which they have been written since 2013."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf import text_format
from synthesis.programs.caffe_proto import new

from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax

if TYPE_CHECKING:
    from pathlib import Path

    from alexnet_cy.network.variants import Variant

_V1_TYPES = {
    "Accuracy": 1, "Convolution": 4, "Data": 5, "Dropout": 6, "InnerProduct": 14, "LRN": 15,
    "Pooling": 17, "ReLU": 18, "Softmax": 20, "SoftmaxWithLoss": 21, "Split": 22,
}  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    """How a file is written; the default is what Caffe writes today."""

    v1: bool = False  # layers instead of layer
    legacy_shapes: bool = False  # num, channels, height, width
    numbers: str = "data"  # data, double_data, raw-f16, raw-f32 or raw-f64
    pieces: str = "packed"  # packed, unpacked, chunks (two of them), mixed, or last (after diffs)
    diffs: bool = False
    shuffled: bool = False
    transposed: bool = False  # fully connected weights (in, out)
    training: bool = False  # data, split, loss and accuracy layers, as in a snapshot of a training
    connected: bool = True  # bottoms and tops
    settings: bool = True  # convolution_param and so on
    names: dict[str, str] = field(default_factory=dict)  # other names for layers


@dataclass
class Layer:
    """A layer before it is encoded."""

    name: str
    type: str
    bottoms: list[str]
    tops: list[str]
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    blobs: list[np.ndarray] = field(default_factory=list)


def write_caffemodel(
    path: Path, variant: Variant, tensors: dict[str, np.ndarray], encoding: Encoding
) -> Path:
    """Write a network; returns `path`."""
    layers = describe(variant, tensors, encoding)
    if encoding.shuffled:
        random.Random(0).shuffle(layers)
    path.write_bytes(encode(layers, encoding))
    return path


def describe(variant: Variant, tensors: dict[str, np.ndarray], encoding: Encoding) -> list[Layer]:
    """List the layers of a network in order."""
    layers = []
    blob = "data"
    if encoding.training:
        layers.append(Layer("data", "Data", [], ["data", "label"]))
    for layer in variant.layers:
        spec = layer
        if isinstance(spec, AdaptiveAvgPool) or (isinstance(spec, Softmax) and encoding.training):
            continue
        if encoding.training and spec.name == "conv4":
            layers.append(Layer("conv3_split", "Split", [blob], ["conv3_split_0", "conv3_split_1"]))
            blob = "conv3_split_0"
        name = encoding.names.get(spec.name, spec.name)
        kind, settings, blobs = _parts(spec, tensors)
        layers.append(Layer(name, kind, [blob], [name], settings, blobs))
        blob = name
        if isinstance(spec, Conv | Linear) and spec.relu:
            layers.append(Layer(f"relu_{name}", "ReLU", [blob], [blob]))
        if encoding.training and spec.name in ("fc6", "fc7"):
            drop = {"dropout_param": {"dropout_ratio": 0.5}}
            layers.append(Layer(f"drop_{name}", "Dropout", [blob], [blob], drop))
    if encoding.training:
        layers.append(Layer("loss", "SoftmaxWithLoss", [blob, "label"], ["loss"]))
        layers.append(Layer("accuracy", "Accuracy", [blob, "label"], ["accuracy"]))
    return layers


def encode(layers: list[Layer], encoding: Encoding, name: str = "CaffeNet") -> bytes:
    """Return the layers as the bytes of a NetParameter."""
    net = new("NetParameter", name=name)
    for layer in layers:
        message = (net.layers if encoding.v1 else net.layer).add(name=layer.name)
        message.type = _V1_TYPES[layer.type] if encoding.v1 else layer.type
        if encoding.connected:
            message.bottom.extend(layer.bottoms)
            message.top.extend(layer.tops)
        settings = layer.settings if encoding.settings else {}
        if encoding.transposed and layer.type == "InnerProduct":
            settings = {"inner_product_param": {**settings["inner_product_param"], "transpose": 1}}
        for param, values in settings.items():
            _fill(getattr(message, param), values)
        if layer.blobs and encoding.v1:
            message.blobs_lr.extend((1, 2))
        elif layer.blobs:
            message.param.add(lr_mult=1)
        for array in layer.blobs:
            transposed = encoding.transposed and layer.type == "InnerProduct" and array.ndim == 2
            message.blobs.append(encode_blob(array.T if transposed else array, encoding))
    return net.SerializeToString()


def encode_blob(array: np.ndarray, encoding: Encoding) -> bytes:
    """Return an array as the bytes of a BlobProto."""
    shape = new("BlobProto")
    if encoding.legacy_shapes:
        legacy = (1, 1, 1, *array.shape)[-4:]
        shape.num, shape.channels, shape.height, shape.width = legacy
    else:
        shape.shape.dim.extend(array.shape)
    parts = [shape.SerializeToString(), _numbers(array, encoding)]
    if encoding.diffs:
        diff = new("BlobProto", diff=array.astype("<f4").tobytes())
        parts.append(diff.SerializeToString())
    if encoding.pieces == "last":
        parts.reverse()
    return b"".join(parts)


def prototxt(variant: Variant, tensors: dict[str, np.ndarray], input_size: int) -> str:
    """Return the network as the text that Caffe and OpenCV want beside the weights."""
    net = new("NetParameter", name="network", input=["data"])
    net.input_dim.extend((1, 3, input_size, input_size))
    net.MergeFromString(encode(describe(variant, tensors, Encoding()), Encoding()))
    for layer in net.layer:
        layer.ClearField("blobs")
    return text_format.MessageToString(net)


def _fill(message: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, list):
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)


def _parts(
    spec: object, tensors: dict[str, np.ndarray]
) -> tuple[str, dict[str, dict[str, Any]], list[np.ndarray]]:
    """Return type, settings and arrays of a layer."""
    if isinstance(spec, LRN):
        values = {"local_size": spec.size, "alpha": spec.ops_alpha, "beta": spec.beta, "k": spec.k}
        if spec.within_channel:
            values["norm_region"] = 1
        return "LRN", {"lrn_param": values}, []
    if isinstance(spec, MaxPool):
        values = {"pool": 0, "kernel_size": spec.kernel_size[0], "stride": spec.stride[0]}
        if not spec.ceil_mode:
            values["round_mode"] = 1
        return "Pooling", {"pooling_param": values}, []
    if isinstance(spec, Softmax):
        return "Softmax", {}, []
    weight, bias = tensors[f"{spec.name}.weight"], tensors[f"{spec.name}.bias"]
    if isinstance(spec, Linear):
        values = {"num_output": len(weight)}
        return "InnerProduct", {"inner_product_param": values}, [weight, bias]
    height, width = weight.shape[2:]
    values = {"num_output": len(weight), "stride": [spec.stride[0]]}
    (down, _), (across, _) = spec.padding
    values |= {"pad": [down]} if down == across else {"pad_h": down, "pad_w": across}
    values |= (
        {"kernel_size": [height]} if height == width else {"kernel_h": height, "kernel_w": width}
    )
    values["group"] = spec.groups
    return "Convolution", {"convolution_param": values}, [weight, bias]


def _numbers(array: np.ndarray, encoding: Encoding) -> bytes:
    if encoding.numbers.startswith("raw-"):
        kind = encoding.numbers.removeprefix("raw-")
        code = {"f64": 0, "f32": 1, "f16": 2}[kind]
        data = array.astype({"f64": "<f8", "f32": "<f4", "f16": "<f2"}[kind]).tobytes()
        return new("BlobProto", raw_data_type=code, raw_data=data).SerializeToString()
    numbers = array.reshape(-1).astype("<f4" if encoding.numbers == "data" else "<f8")
    half = len(numbers) // 2
    if encoding.pieces == "chunks":
        return _packed(numbers[:half], encoding) + _packed(numbers[half:], encoding)
    if encoding.pieces == "mixed":
        return _unpacked(numbers[:half], encoding) + _packed(numbers[half:], encoding)
    if encoding.pieces == "unpacked":
        return _unpacked(numbers, encoding)
    return _packed(numbers, encoding)


def _packed(numbers: np.ndarray, encoding: Encoding) -> bytes:
    return new("BlobProto", **{encoding.numbers: numbers.tobytes()}).SerializeToString()


def _unpacked(numbers: np.ndarray, encoding: Encoding) -> bytes:
    """Write a key before each number: field 5 or 8, wire type 5 (32 bits) or 1 (64 bits)."""
    records = np.empty(len(numbers), [("key", "u1"), ("number", numbers.dtype)])
    records["key"] = 5 << 3 | 5 if encoding.numbers == "data" else 8 << 3 | 1
    records["number"] = numbers
    return records.tobytes()
