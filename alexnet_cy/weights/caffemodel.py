"""Read ``.caffemodel`` files: BVLC AlexNet, CaffeNet, and what was fine-tuned from them.

A ``.caffemodel`` is one protobuf message, a NetParameter, with the layers of the network in it: the
weights, and also what feeds what and with which settings. So the file itself tells AlexNet from
CaffeNet (see `caffe_variant`), and which layer is which whatever they are called (`caffe_roles`).

The message is read without its arrays (`wire`), these only when a tensor is asked for. On a file
of 244 MB that takes 3 ms; reading all tensors then takes as long as reading the file.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from ..errors import WeightsError
from .caffe_blobs import parameter_ref
from .caffe_layers import LayerGraph, list_layers
from .caffe_messages import CAFFE
from .caffe_roles import assign_roles
from .caffe_settings import file_settings
from .caffe_variant import choose_variant
from .files import open_file
from .tensors import NetworkFile, TensorRef
from .wire import read_message

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from .caffe_layers import CaffeLayer
    from .files import WeightsFile

__all__ = ["looks_like", "read"]

_PARAMETER_AXES = {"Convolution": 4, "InnerProduct": 2}

# What a NetParameter begins with: number and wire type of its fields. 2 is a layer in the old
# encoding, 100 one in the current encoding.
_NET_FIELDS = {1: 2, 2: 2, 3: 2, 4: 0, 5: 0, 6: 2, 7: 0, 8: 2, 100: 2}
_NET_TEXTS = (1, 3)  # the name, and the names of the inputs
# What a layer begins with: keys of name, type, bottom, top, blobs, or the nested first encoding.
_LAYER_KEYS = {2: b"\x0a\x12\x1a\x22\x28\x32", 100: b"\x0a\x12\x1a\x22\x3a"}
_LAYER_TEXT_KEYS = {2: b"\x12\x1a\x22", 100: b"\x0a\x12\x1a\x22"}


def looks_like(head: bytes, file_bytes: int) -> bool:
    """Tell whether a file may be a ``.caffemodel``, from its beginning.

    The rule: the file is a run of fields that a NetParameter has, in their wire types, up to a
    layer; the layer does not go beyond the end of the file, begins with a field that layers begin
    with, and if that is text, the text is printable. ONNX files begin with field 1 as a number
    or hold field 7 as a message, and fail; zip, pickle, ``.npy``, HDF5 and safetensors fail at
    their first bytes.

    Parameters
    ----------
    head : bytes
        The first bytes of the file; 512 are enough for every network that is called by a name of
        less than 400 letters.
    file_bytes : int
        Length of the file.

    Returns
    -------
    bool
    """
    position = 0
    while field := _next_field(head, position):
        number, wire_type, start, end = field
        if _NET_FIELDS.get(number) != wire_type or end > file_bytes:
            return False
        if number in _LAYER_KEYS:
            return _looks_like_layer(number, head[start:end])
        if number in _NET_TEXTS and not _is_text(head[start:end]):
            return False
        position = end
    return False


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


def _looks_like_layer(number: int, head: bytes) -> bool:
    if not head or head[0] not in _LAYER_KEYS[number]:
        return False
    field = _next_field(head, 0)
    if field is None or head[0] not in _LAYER_TEXT_KEYS[number]:
        return field is not None
    _, _, start, end = field
    return _is_text(head[start:end])


def _next_field(head: bytes, position: int) -> tuple[int, int, int, int] | None:
    """Return number, wire type, start and end of the field at `position`; None if cut off."""
    key = _short_varint(head, position)
    if key is None:
        return None
    number, wire_type, start = key[0] >> 3, key[0] & 7, key[1]
    value = _short_varint(head, start)
    if value is None:
        return None
    end = value[1] + value[0] if wire_type == 2 else value[1]
    return number, wire_type, value[1] if wire_type == 2 else start, end


def _short_varint(head: bytes, position: int) -> tuple[int, int] | None:
    """Return the value and the end of a varint of up to 5 bytes."""
    value = 0
    for i, byte in enumerate(head[position : position + 5]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, position + i + 1
    return None


def _is_text(data: bytes) -> bool:
    """Tell whether what is visible of a text is printable; its last letter may be cut off."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data).isprintable()
    except UnicodeDecodeError:
        return False
