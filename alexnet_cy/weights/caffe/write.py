"""Write ``.caffemodel`` files that Caffe, OpenCV 4 and this package read.

The file holds the whole network in the current encoding: the layers of the variant with their
settings, what feeds what, and the weights, as Caffe's own snapshots do. The library writes
everything but the arrays, which are copied into the file one at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights.caffe.messages import CAFFE
from alexnet_cy.weights.protobuf.wire import encode_key, encode_varint
from alexnet_cy.weights.writing import checked_tensors

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from alexnet_cy.network.variants import Variant

__all__ = ["write"]

# Field numbers in caffe_messages: NetParameter.layer, LayerParameter.blobs, BlobProto.data.
_LAYER, _BLOBS, _DATA = 100, 7, 5
_FLOOR = 1  # PoolingParameter.RoundMode
_AVERAGE = 1  # PoolingParameter.PoolMethod
_WITHIN_CHANNEL = 1  # LRNParameter.NormRegion


def write(
    path: str | os.PathLike[str],
    variant: str | Variant,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network as float32; a `writing.Writer`.

    Of the metadata ``name`` is noted as the name of the network, which is the variant's title
    otherwise, and ``layer.fc8`` as that of the classifier. The format has no place for others.

    Raises
    ------
    WeightsError
        The variant pads more at one end than at the other, or normalises within channels with
        another k than 1, which Caffe cannot be told.
    """
    network = get_variant(variant)
    arrays = checked_tensors(tensors, network)
    noted = metadata or {}
    layers = list(_layers(network, arrays, noted.get("layer.fc8", "fc8")))
    net = CAFFE.message_class("NetParameter")(name=noted.get("name", network.title))
    with replace_file(path) as temporary, open(temporary, "wb") as stream:
        stream.write(net.SerializeToString())
        for layer, parameters in layers:
            _write_layer(stream, layer, parameters)


def _layers(
    variant: Variant, arrays: Mapping[str, NDArray[np.float32]], classifier: str
) -> Iterator[tuple[Any, tuple[NDArray[np.float32], ...]]]:
    """Describe the layers in order, each with its arrays, and ReLUs as layers of their own."""
    new_layer = CAFFE.message_class("LayerParameter")
    image = new_layer(name="data", type="Input", top=["data"])
    image.input_param.shape.add().dim.extend(
        (1, variant.in_channels, variant.input_size, variant.input_size)
    )
    yield image, ()
    blob = "data"
    for step in variant.shapes():
        spec = step.layer
        if isinstance(spec, AdaptiveAvgPool) and step.input_shape == step.output_shape:
            continue
        name = classifier if spec.name == "fc8" else spec.name
        layer = new_layer(name=name, bottom=[blob], top=[name])
        kinds = ("weight", "bias") if isinstance(spec, Conv | Linear) else ()
        parameters = tuple(arrays[f"{spec.name}.{kind}"] for kind in kinds)
        _describe(layer, spec, parameters)
        yield layer, parameters
        blob = name
        if isinstance(spec, Conv | Linear) and spec.relu:
            yield new_layer(name=f"relu_{name}", type="ReLU", bottom=[blob], top=[blob]), ()


def _describe(layer: Any, spec: Layer, parameters: tuple[NDArray[np.float32], ...]) -> None:
    """Set the type and the settings of a layer."""
    match spec:
        case Conv():
            layer.type = "Convolution"
            settings = layer.convolution_param
            settings.num_output = len(parameters[0])
            settings.group = spec.groups
            _set_window(settings, spec, parameters[0].shape[2:])
        case MaxPool():
            layer.type = "Pooling"
            settings = layer.pooling_param
            _set_window(settings, spec, spec.kernel_size)
            if not spec.ceil_mode:
                settings.round_mode = _FLOOR
        case AdaptiveAvgPool():
            if spec.output_size != (1, 1):
                raise WeightsError(f"{spec.name}: Caffe has no average to {spec.output_size}")
            layer.type = "Pooling"
            layer.pooling_param.pool = _AVERAGE
            layer.pooling_param.global_pooling = True
        case LRN():
            layer.type = "LRN"
            layer.lrn_param.local_size = spec.size
            layer.lrn_param.alpha = spec.ops_alpha
            layer.lrn_param.beta = spec.beta
            layer.lrn_param.k = spec.k
            if spec.within_channel:
                if spec.k != 1:
                    raise WeightsError(
                        f"{spec.name}: k is {spec.k:g}; within channels Caffe computes with 1"
                    )
                layer.lrn_param.norm_region = _WITHIN_CHANNEL
        case Linear():
            layer.type = "InnerProduct"
            layer.inner_product_param.num_output = len(parameters[0])
        case Softmax():
            layer.type = "Softmax"


def _set_window(settings: Any, spec: Conv | MaxPool, kernel_size: tuple[int, ...]) -> None:
    """Set kernel, stride and padding, which convolutions and pools have alike."""
    (top, bottom), (left, right) = spec.padding
    if (top, left) != (bottom, right):
        raise WeightsError(
            f"{spec.name}: padding {spec.padding} differs from end to end; in a .caffemodel it "
            "cannot"
        )
    settings.kernel_h, settings.kernel_w = kernel_size
    settings.stride_h, settings.stride_w = spec.stride
    settings.pad_h, settings.pad_w = top, left


def _write_layer(stream: BinaryIO, layer: Any, parameters: tuple[NDArray[np.float32], ...]) -> None:
    """Write a layer as a field of the network, its blobs last."""
    start = layer.SerializeToString()
    blobs = [_blob_start(array) for array in parameters]
    fields = [
        encode_key(_BLOBS) + encode_varint(len(blob) + array.nbytes) + blob
        for blob, array in zip(blobs, parameters, strict=True)
    ]
    length = len(start) + sum(map(len, fields)) + sum(array.nbytes for array in parameters)
    stream.write(encode_key(_LAYER) + encode_varint(length) + start)
    for field, array in zip(fields, parameters, strict=True):
        stream.write(field)
        stream.write(array.data.cast("B"))


def _blob_start(array: NDArray[np.float32]) -> bytes:
    """Return the fields of a blob up to its numbers, which come last."""
    blob = CAFFE.message_class("BlobProto")()
    blob.shape.dim.extend(array.shape)
    return bytes(blob.SerializeToString()) + encode_key(_DATA) + encode_varint(array.nbytes)
