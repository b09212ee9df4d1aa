"""Reader of Darknet's ``.weights``: numbers one after the other, without names or shapes.

All are little-endian (pjreddie/darknet, src/parser.c, load_weights_upto):

    int32 major, minor, revision
    the number of images seen: uint64 from version 0.2 on, before that int32
    for each convolution                biases (O,), weights (O, I / groups, H, W)
    for each fully connected layer      biases (O,), weights (out, in)

all in float32. Which layers there are is in the ``.cfg``; here the size of the file must be that of
a network: ``darknet`` (cfg/alexnet.cfg), with any number of classes, or the variant asked for.
"""

from __future__ import annotations

import struct
from math import prod
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.bounds import MAX_CLASSES
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.stored_floats import FLOAT_BYTES, BlockTensor
from alexnet_cy.weights.trained_on import PRESET_KEY

if TYPE_CHECKING:
    import os

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.network.architecture import Variant

__all__ = ["read"]

VARIANT = "darknet"

_VERSION = struct.Struct("<3i")
_NUMBER_BYTES = FLOAT_BYTES["F32"]


def read(path: str | os.PathLike[str], variant: Variant | None = None) -> NetworkFile:
    """Find the layers of a network in a file.

    Parameters
    ----------
    path : path-like
        The file, or a `WeightsFile`.
    variant : Variant, optional
        Whose shapes to assume, as the file has none; that of Darknet's own AlexNet if left out.

    Returns
    -------
    NetworkFile
        `format` is "darknet"; its metadata name the preset of Darknet's images.

    Raises
    ------
    WeightsError
        The size of the file is not that of the network.
    """
    file = open_file(path)
    network = get_variant(VARIANT) if variant is None else variant
    _, minor, _ = _VERSION.unpack(file.read_bytes(0, _VERSION.size))
    start = _VERSION.size + (8 if minor >= 2 else 4)
    shapes = _with_classes(network, file.size_bytes - start).parameter_shapes()
    needed = start + _NUMBER_BYTES * sum(map(prod, shapes.values()))
    if file.size_bytes != needed:
        raise WeightsError(
            f"{file.path!r}: {file.size_bytes} bytes; the network {network.name!r} needs {needed} "
            "in Darknet's format, with these classes; variant= names another, or is a Variant of "
            "your own"
        )
    position = start
    found: dict[str, TensorRef] = {}
    for layer in dict.fromkeys(name.rpartition(".")[0] for name in shapes):
        for kind in ("bias", "weight"):
            name = f"{layer}.{kind}"
            found[name] = BlockTensor(file, position, "F32", shapes[name])
            position += found[name].stored_bytes
    return NetworkFile("darknet", found, network.name, {PRESET_KEY: VARIANT})


def _with_classes(network: Variant, size_bytes: int) -> Variant:
    """Return the network with the number of classes that so many bytes are left for."""
    if network.classifier is None:
        return network
    shapes = network.parameter_shapes()
    head = network.classifier.name
    weight = shapes.pop(f"{head}.weight")
    del shapes[f"{head}.bias"]
    left = size_bytes - _NUMBER_BYTES * sum(map(prod, shapes.values()))
    classes, rest = divmod(left, _NUMBER_BYTES * (prod(weight[1:]) + 1))
    return network.with_num_classes(classes) if not rest and 0 < classes <= MAX_CLASSES else network
